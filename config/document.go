package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFileSize bounds what is read: the largest fleet file is far below it, and a mistaken path to
// something huge fails at once.
const maxFileSize = 16 << 20

// document is one YAML file being read: where each key stands, and what was found wrong so far.
type document struct {
	file     string
	lines    map[string]int
	problems []Problem
	warnings []Problem
	visited  int
	// unread lists the keys whose value could not be taken, "" for the whole file: their problem is
	// known, and nothing in or below them is judged as well.
	unread []string
	// elements gives the starting value of list elements by their type: the defaults of an element.
	elements map[reflect.Type]reflect.Value
}

// readBounded reads a whole file of at most maxFileSize.
func readBounded(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxFileSize+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFileSize {
		return nil, fmt.Errorf("%s is larger than %d bytes: is it the right file?", path, maxFileSize)
	}
	return data, nil
}

// parseDocument decodes data into the struct that into points to, which already holds the defaults,
// collecting problems. Each of elements is the default of a list element of its type.
func parseDocument(file string, data []byte, into any, elements ...any) *document {
	doc := &document{file: file, lines: map[string]int{}, elements: map[reflect.Type]reflect.Value{}}
	for _, element := range elements {
		doc.elements[reflect.TypeOf(element)] = reflect.ValueOf(element)
	}
	root, ok := doc.parse(data)
	if !ok {
		doc.unread = append(doc.unread, "")
		return doc
	}
	doc.decodeRoot(root, into)
	return doc
}

// parse reads the single YAML document of data.
func (d *document) parse(data []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var root yaml.Node
	switch err := decoder.Decode(&root); {
	case errors.Is(err, io.EOF):
		d.problem(0, "", "the file is empty")
		return nil, false
	case err != nil:
		d.syntaxProblem(err)
		return nil, false
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		d.syntaxProblem(err)
	default:
		d.problem(second.Line, "", "a second document begins here: keep one document per file")
	}
	return root.Content[0], true
}

// yamlLine finds the line in an error of the YAML parser, which offers it only as text.
var yamlLine = regexp.MustCompile(`^yaml: (?:unmarshal errors:\s*)?(?:line (\d+): )?(.*)$`)

// syntaxProblem records an error of the YAML parser with its line.
func (d *document) syntaxProblem(err error) {
	message, line := err.Error(), 0
	if match := yamlLine.FindStringSubmatch(strings.ReplaceAll(message, "\n", " ")); match != nil {
		line, _ = strconv.Atoi(match[1]) // An absent line stays 0.
		message = match[2]
	}
	d.problem(line, "", "not valid YAML: %s", message)
}

// problem records an error at a line.
func (d *document) problem(line int, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{File: d.file, Line: line, Path: path, Message: fmt.Sprintf(format, args...)})
}

// problemUnread records that the value of a key could not be taken.
func (d *document) problemUnread(node *yaml.Node, path, format string, args ...any) {
	d.problem(node.Line, path, format, args...)
	d.unread = append(d.unread, path)
}

// problemAt records an error at a key, found by its path.
func (d *document) problemAt(path, format string, args ...any) {
	if d.judged(path) {
		d.problem(d.line(path), path, format, args...)
	}
}

// warnAt records something that works and is unwise.
func (d *document) warnAt(path, format string, args ...any) {
	if d.judged(path) {
		d.warnings = append(d.warnings, Problem{File: d.file, Line: d.line(path), Path: path, Message: fmt.Sprintf(format, args...)})
	}
}

// judged reports whether the value of a key was taken, so that its meaning can be judged.
func (d *document) judged(path string) bool {
	return !slices.ContainsFunc(d.unread, func(unread string) bool {
		rest, below := strings.CutPrefix(path, unread)
		return below && (unread == "" || rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}

// openAdvice follows an error of opening a file in a message: what to do about it.
func openAdvice(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return ": create it, or correct the path"
	case errors.Is(err, fs.ErrPermission):
		return ": give the user that runs regent read access"
	default:
		return ""
	}
}

// line gives the line of a key, or of the nearest enclosing key that is in the file.
func (d *document) line(path string) int {
	for {
		if line, found := d.lines[path]; found {
			return line
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return d.lines[""]
		}
		path = path[:cut]
	}
}

// err gives the problems found as one error, nil if there are none.
func (d *document) err() error {
	if len(d.problems) == 0 {
		return nil
	}
	sortProblems(d.problems)
	return &InvalidError{Problems: d.problems}
}
