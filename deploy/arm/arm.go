// Package arm holds the template of the "Deploy to Azure" button and the form that the portal shows before it.
//
// It guarantees nothing by itself: its tests deploy the template to the simulated Azure, look at every resource, and let the
// controller tick with what was deployed. It imports nothing of this module; tests and tools may import it.
package arm

import _ "embed" // for the two documents

// Template is the template, azuredeploy.json.
//
//go:embed azuredeploy.json
var Template []byte

// Form is the form of the portal, createUiDefinition.json.
//
//go:embed createUiDefinition.json
var Form []byte
