package config

import (
	"fmt"

	"github.com/regentdb/regent/policy"
)

// LoadClusters reads and checks the declared clusters, conventionally clusters.yaml. The error wraps
// [ErrInvalid] and is an [InvalidError] when the content is at fault; otherwise the file could not be
// read.
func LoadClusters(path string) (policy.Specs, error) {
	data, err := readBounded(path)
	if err != nil {
		return policy.Specs{}, fmt.Errorf("config: read the declared clusters: %w%s", err, openAdvice(err))
	}
	return ParseClusters(path, data)
}

// ParseClusters reads and checks the content of a file of declared clusters; name is the path to show
// in errors. What the file leaves out has the documented default.
func ParseClusters(name string, data []byte) (policy.Specs, error) {
	specs, doc := parseClusters(name, data)
	if err := doc.err(); err != nil {
		return policy.Specs{}, err
	}
	return specs, nil
}

// parseClusters decodes, completes with defaults and checks. What the words mean is judged by package
// policy alone, so that the API refuses exactly what the file refuses.
func parseClusters(name string, data []byte) (policy.Specs, *document) {
	specs := policy.Specs{Fleet: policy.DefaultFleet()}
	doc := parseDocument(name, data, &specs,
		policy.ClusterSpec{Mode: policy.ModeAutomatic, Policy: policy.DefaultPolicy()},
		policy.ServerSpec{Promotion: policy.PromotionNeutral, AddressKind: policy.AddressDirect},
	)
	if len(specs.Clusters) == 0 {
		doc.problemAt("clusters", "no cluster is declared: list at least one with its home_region and servers")
	}
	for _, problem := range policy.Validate(specs) {
		doc.problemAt(problem.Path, "%s", problem.Message)
	}
	return specs, doc
}
