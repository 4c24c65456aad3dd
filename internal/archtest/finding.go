// Package archtest holds the rules of this repository that a compiler does not
// know: who may import whom, which packages are pure, and the house rules that
// can be seen in the source text (comments, file length, skips, promises).
//
// [Read] takes a source tree from any [fs.FS] and [Tree.Check] returns every
// broken rule as a [Finding]; the table of packages is [House]. The test of this
// package runs both over the repository itself.
//
// It guarantees that a result is never stale: the tree is read in this process,
// so the go command sees each file and folder that was opened and runs the test
// again when one of them changes. Asking the go command for the packages instead
// would let a cached "ok" stand after a new import.
//
// It does not type-check. A rule that needs types (a range over a map whose order
// reaches a result, an interface nobody uses) is left to the linters and to
// review. A call is recognised by the import and the name, so a function that is
// passed on as a value is found, and one that is reached through another package
// is not.
//
// Nothing may import it: it is run, not used.
package archtest

import (
	"cmp"
	"fmt"
	"slices"
)

// Finding is one broken rule at one place.
type Finding struct {
	Path    string // slash-separated, relative to the root of the tree
	Line    int    // 1-based; 0 when the rule is about the file or folder as a whole
	Message string // what is wrong and what would be right
}

// String returns the finding in the form of a compiler message.
func (f Finding) String() string {
	if f.Line == 0 {
		return f.Path + ": " + f.Message
	}
	return fmt.Sprintf("%s:%d: %s", f.Path, f.Line, f.Message)
}

// sortFindings orders findings by place and drops repetitions, so that a report
// reads like the tree and does not depend on the order of the rules.
func sortFindings(fs []Finding) []Finding {
	slices.SortFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Message, b.Message))
	})
	return slices.Compact(fs)
}
