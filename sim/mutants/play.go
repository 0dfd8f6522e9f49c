package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// errMutant means that a mutant is not what it should be.
var errMutant = errors.New("mutant")

// patched are the changed files of a mutant, by path below the module's root.
func (m *mutant) patched(root string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, e := range m.edits {
		text, known := files[e.file]
		if !known {
			var err error
			if text, err = os.ReadFile(filepath.Join(root, e.file)); err != nil {
				return nil, fmt.Errorf("%w %s: %w", errMutant, m.name, err)
			}
		}
		if n := bytes.Count(text, []byte(e.old)); n != 1 {
			return nil, fmt.Errorf("%w %s: its text is found %d times in %s, not once; write the mutant anew:\n%s", errMutant, m.name, n, e.file, e.old)
		}
		files[e.file] = bytes.Replace(text, []byte(e.old), []byte(e.new), 1)
	}
	return files, nil
}

// build compiles the simulator with a mutant in place of the files that it changes.
func (p *player) build(ctx context.Context, m *mutant) (string, error) {
	files, err := m.patched(p.root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, text := range files {
		at, err := filepath.Abs(filepath.Join(p.root, name))
		if err != nil {
			return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
		}
		replace[at] = filepath.Join(p.dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(replace[at], text, 0o600); err != nil {
			return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
	}
	list, program := filepath.Join(p.dir, "overlay.json"), filepath.Join(p.dir, m.name+".test")
	if err := os.WriteFile(list, overlay, 0o600); err != nil {
		return "", fmt.Errorf("%w %s: %w", errMutant, m.name, err)
	}
	c := exec.CommandContext(ctx, "go", "test", "-c", "-overlay", list, "-o", program, "./sim")
	c.Dir = p.root
	if said, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w %s does not compile: %w\n%s", errMutant, m.name, err, said)
	}
	return program, nil
}

// failedSeed finds in what a series said the seed of a world that failed, and by which invariant.
var failedSeed = regexp.MustCompile(`seed (\d+): ([^:\n]+): `)

// player plays worlds with mutants.
type player struct {
	options
	dir string // of what it builds
}

// play runs worlds until one fails. One that fails with the whole code as well says nothing about a mutant.
func (p *player) play(ctx context.Context, m *mutant) (result, error) {
	program, err := p.build(ctx, m)
	if err != nil {
		return result{}, err
	}
	defer func() { _ = os.Remove(program) }()
	r, err := p.series(ctx, m, program, "-seeds", strconv.Itoa(p.seeds), "-enough", "1")
	if err != nil || !r.Caught {
		return r, err
	}
	whole := mutant{name: "without"}
	sound := filepath.Join(p.dir, whole.name+".test")
	if _, err := os.Stat(sound); err != nil {
		if sound, err = p.build(ctx, &whole); err != nil {
			return r, err
		}
	}
	plain, err := p.series(ctx, &whole, sound, "-seeds", "1", "-first", strconv.FormatUint(r.Seed, 10))
	if err == nil && plain.Caught {
		err = fmt.Errorf("%w %s: seed %d fails without it too; `go test ./sim -run Seeds -seed=%d -v` shows how", errMutant, m.name, r.Seed, r.Seed)
	}
	return r, err
}

// series runs worlds of a program and tells which one failed first.
func (p *player) series(ctx context.Context, m *mutant, program string, args ...string) (result, error) {
	c := exec.CommandContext(ctx, program, append([]string{"-test.run", "Seeds$", "-test.timeout", "3h"}, args...)...)
	c.Dir = filepath.Join(p.root, "sim")
	said, err := c.CombinedOutput()
	var exit *exec.ExitError
	switch found := failedSeed.FindSubmatch(said); {
	case err == nil:
		return result{Worlds: p.seeds}, nil
	case errors.As(err, &exit) && found != nil:
		seed, err := strconv.ParseUint(string(found[1]), 10, 64)
		return result{Caught: true, Seed: seed, By: string(found[2]), Worlds: p.seeds}, err
	default:
		return result{}, fmt.Errorf("%w %s could not be played: %w\n%s", errMutant, m.name, err, said[:min(len(said), 4000)])
	}
}
