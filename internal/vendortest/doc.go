// Package vendortest holds tests only: Microsoft's own typed clients against the
// simulator, and this program against Microsoft's own fakes.
//
// The typed clients take minutes to compile, once more for the race detector and
// once more for fuzzing, so they are kept out of the packages under test: here they
// are compiled once. Nobody imports it.
package vendortest
