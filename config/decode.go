package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// maxNodes bounds how many values one file may expand to: aliases can make a small file huge.
const maxNodes = 1 << 20

// decodeRoot decodes the top level mapping into the struct that into points to.
func (d *document) decodeRoot(root *yaml.Node, into any) {
	if root.Kind != yaml.MappingNode {
		d.problemUnread(root, "", "expected keys and values, found %s", describe(root))
		return
	}
	d.decode(root, reflect.ValueOf(into).Elem(), "")
}

// decode stores node into target. A null leaves the default in place, like an absent key.
func (d *document) decode(node *yaml.Node, target reflect.Value, path string) {
	if node.Kind == yaml.AliasNode {
		node = node.Alias
	}
	if d.visited++; d.visited > maxNodes {
		if d.visited == maxNodes+1 {
			d.problemUnread(node, path, "the file expands to more than %d values: write the aliases out", maxNodes)
		}
		return
	}
	d.lines[path] = node.Line
	if node.Kind == yaml.ScalarNode && node.Tag == "!!null" {
		return
	}
	if text, ok := target.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.decodeText(node, text, path)
		return
	}
	switch target.Kind() { //nolint:exhaustive // only the kinds that the files use; any other is a mistake in this package
	case reflect.Pointer:
		target.Set(reflect.New(target.Type().Elem()))
		d.decode(node, target.Elem(), path)
	case reflect.Struct:
		d.decodeStruct(node, target, path)
	case reflect.Slice:
		d.decodeSlice(node, target, path)
	default:
		d.decodeScalar(node, target, path)
	}
}

// decodeStruct stores a mapping, refusing keys that are unknown or given twice.
func (d *document) decodeStruct(node *yaml.Node, target reflect.Value, path string) {
	if node.Kind != yaml.MappingNode {
		d.problemUnread(node, path, "expected keys and values, found %s", describe(node))
		return
	}
	fields := fieldsOf(target.Type())
	first := map[string]int{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		at := join(path, key.Value)
		index, known := fields[key.Value]
		line, repeated := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || !known:
			d.problem(key.Line, at, "unknown key%s", hint(key.Value, fields))
		case repeated:
			d.problem(key.Line, at, "given twice: the first is on line %d", line)
		default:
			first[key.Value] = key.Line
			d.decode(value, target.Field(index), at)
			d.lines[at] = key.Line
		}
	}
}

// decodeSlice stores a list.
func (d *document) decodeSlice(node *yaml.Node, target reflect.Value, path string) {
	if node.Kind != yaml.SequenceNode {
		d.problemUnread(node, path, "expected a list, found %s", describe(node))
		return
	}
	if len(node.Content) == 0 {
		target.SetZero() // Nil, so that an empty list and an absent one are the same.
		return
	}
	list := reflect.MakeSlice(target.Type(), len(node.Content), len(node.Content))
	initial, hasInitial := d.elements[list.Type().Elem()]
	for i, item := range node.Content {
		if hasInitial {
			list.Index(i).Set(initial)
		}
		d.decode(item, list.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	target.Set(list)
}

// decodeText stores a value whose type reads itself, such as one of a fixed set of words.
func (d *document) decodeText(node *yaml.Node, text encoding.TextUnmarshaler, path string) {
	if node.Kind != yaml.ScalarNode {
		d.problemUnread(node, path, "expected a single value, found %s", describe(node))
		return
	}
	if err := text.UnmarshalText([]byte(node.Value)); err != nil {
		d.problemUnread(node, path, "%v", err)
	}
}

// decodeScalar stores a string, a number, a boolean or a duration.
func (d *document) decodeScalar(node *yaml.Node, target reflect.Value, path string) {
	if node.Kind != yaml.ScalarNode {
		d.problemUnread(node, path, "expected a single value, found %s", describe(node))
		return
	}
	if target.Type() == reflect.TypeFor[time.Duration]() {
		d.decodeDuration(node, target, path)
		return
	}
	switch target.Kind() { //nolint:exhaustive // only the kinds that the files use; any other is a mistake in this package
	case reflect.String:
		target.SetString(node.Value)
	case reflect.Bool:
		value, err := strconv.ParseBool(node.Value)
		if err != nil || node.Tag != "!!bool" {
			d.problemUnread(node, path, "%q is neither true nor false", node.Value)
			return
		}
		target.SetBool(value)
	case reflect.Int, reflect.Int64:
		value, err := strconv.ParseInt(node.Value, 10, target.Type().Bits())
		if err != nil {
			d.problemUnread(node, path, "%q is not a whole number", node.Value)
			return
		}
		target.SetInt(value)
	case reflect.Uint64:
		value, err := strconv.ParseUint(node.Value, 10, 64)
		if err != nil {
			d.problemUnread(node, path, "%q is not a whole number of 0 or more", node.Value)
			return
		}
		target.SetUint(value)
	case reflect.Float64:
		value, err := strconv.ParseFloat(node.Value, 64)
		if err != nil {
			d.problemUnread(node, path, "%q is not a number", node.Value)
			return
		}
		target.SetFloat(value)
	default:
		panic("config: no decoder for " + target.Type().String() + " at " + path)
	}
}

// decodeDuration stores a duration in Go's notation.
func (d *document) decodeDuration(node *yaml.Node, target reflect.Value, path string) {
	value, err := time.ParseDuration(node.Value)
	if err != nil {
		d.problemUnread(node, path, "%q is not a duration: write a number with its unit, like 500ms, 5s or 10m", node.Value)
		return
	}
	target.SetInt(int64(value))
}

// fieldsOf maps the keys of a struct, from its yaml tags (json tags where a type has only those), to field indexes.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		tag, ok := t.Field(i).Tag.Lookup("yaml")
		if !ok {
			tag = t.Field(i).Tag.Get("json")
		}
		name, _, _ := strings.Cut(tag, ",")
		if name != "" && name != "-" {
			fields[name] = i
		}
	}
	return fields
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// describe names the shape of a YAML value for an error message.
func describe(node *yaml.Node) string {
	switch node.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return "nothing"
		}
		return strconv.Quote(node.Value)
	case yaml.AliasNode, yaml.DocumentNode:
		return "something else"
	default:
		return "nothing"
	}
}
