package main

import (
	"strings"

	"github.com/signalbox/signalbox/gen/ocpath"
	"github.com/spf13/cobra"
)

// completePath completes a path by the served schema, one element at a time.
func completePath(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	parent, last := "", strings.TrimPrefix(typed, "/")
	if i := lastSlash(last); i >= 0 {
		parent, last = last[:i], last[i+1:]
	}
	id, ok := nodeAt(parent)
	if !ok {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	before := "/"
	if parent != "" {
		before += parent + "/"
	}
	var found []string
	for child := id + 1; child < ocpath.Get(id).End; child = ocpath.Get(child).End {
		if node := ocpath.Get(child); strings.HasPrefix(node.Name, last) {
			found = append(found, before+node.Name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completePathAndValue completes a path, and behind it the values of a leaf that
// has names for them.
func completePathAndValue(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return completePath(cmd, args, typed)
	}
	var found []string
	if id, ok := nodeAt(strings.TrimPrefix(args[0], "/")); ok && len(args) == 1 {
		names := valueNames(id)
		if ocpath.Get(id).Type == ocpath.Bool {
			names = []string{"false", "true"}
		}
		for _, name := range names {
			if strings.HasPrefix(name, typed) {
				found = append(found, name)
			}
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// nodeAt is the node of the model at a path without its leading slash; false
// where there is none.
func nodeAt(path string) (ocpath.ID, bool) {
	id := ocpath.Root
	for _, name := range elementNames(path) {
		child, ok := ocpath.Child(id, name)
		if !ok {
			return id, false
		}
		id = child
	}
	return id, true
}

// elementNames are the names in a path, without keys.
func elementNames(path string) []string {
	var names []string
	for path != "" {
		rest := ""
		if i := firstSlash(path); i >= 0 {
			path, rest = path[:i], path[i+1:]
		}
		name, _, _ := strings.Cut(path, "[")
		names = append(names, name)
		path = rest
	}
	return names
}

// firstSlash is the place of the first slash outside of keys, -1 for none.
func firstSlash(path string) int {
	for i, inKey := 0, false; i < len(path); i++ {
		switch path[i] {
		case '\\':
			i++
		case '[':
			inKey = true
		case ']':
			inKey = false
		case '/':
			if !inKey {
				return i
			}
		}
	}
	return -1
}

// lastSlash is the place of the last slash outside of keys, -1 for none.
func lastSlash(path string) int {
	last := -1
	for rest := path; ; {
		i := firstSlash(rest)
		if i < 0 {
			return last
		}
		last = len(path) - len(rest) + i
		rest = rest[i+1:]
	}
}

// must panics on what only a mistake in this program can cause.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
