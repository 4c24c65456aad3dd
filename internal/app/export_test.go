package app

import (
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/probe"
)

// AzureSettings is what New tells the Azure client.
var AzureSettings = azureSettings

// Wiring is what of a group cannot be seen in its controller.
type Wiring struct {
	Set                    probe.Set
	Every                  map[string]time.Duration
	Interval, UnknownAlert time.Duration
}

// WiringOf returns it.
func (a *App) WiringOf(name appliance.GroupName) Wiring {
	g := a.group(name)
	return Wiring{Set: g.prober.set, Every: g.prober.every, Interval: g.interval, UnknownAlert: g.unknownAlert}
}
