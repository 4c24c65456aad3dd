// Package functions holds what the package of the Azure Functions app has beside its
// program: host.json, and a folder with function.json for each function.
//
// It guarantees nothing by itself: tests of cli run the packed app as its host would. It
// imports nothing of this module; tests and the stand-ins may import it.
package functions

import "embed"

// Files are host.json and the function.json of each function.
//
//go:embed host.json */function.json
var Files embed.FS
