package app

import (
	"fmt"
	"net/http"
	"time"

	"hopguard/internal/api"
	"hopguard/internal/appliance"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/notify"
	"hopguard/internal/peering"
	"hopguard/internal/probe"
)

// AzureSettings is what New tells the Azure client.
var AzureSettings = azureSettings

// BlobSettings is what New tells the blobs.
var BlobSettings = blobSettings

// ReplicaSettings is what this process is among the replicas.
func (a *App) ReplicaSettings() string {
	return fmt.Sprintf("%s %s %s", a.replicas.self, a.replicas.ttl, a.replicas.keys)
}

// Wiring is what of a group cannot be seen in its controller.
type Wiring struct {
	Set                     probe.Set
	Timings                 []probe.Timing
	Reconcile, UnknownAlert time.Duration
	// Spokes and Scan are zero without spokes.
	Spokes peering.Selection
	Scan   time.Duration
}

// WiringOf returns it.
func (a *App) WiringOf(name appliance.GroupName) Wiring {
	g := a.group(name)
	w := Wiring{Set: g.schedule.Set, Timings: g.schedule.Checks, Reconcile: g.reconcile, UnknownAlert: g.unknownAlert}
	if g.spokes != nil {
		w.Spokes, w.Scan = g.spokes.selection, g.spokes.every
	}
	return w
}

// EventHandler takes events; nil if no sender is believed.
func (a *App) EventHandler() http.Handler { return a.listener.handlerOf() }

// EventSecrets are what the senders of events prove themselves with.
func (a *App) EventSecrets() map[string]string {
	m := map[string]string{}
	for _, s := range a.listener.sources {
		m[string(s.name)] = string(s.get())
	}
	return m
}

// Devices asks the Meraki cloud.
func (a *App) Devices() probe.DeviceReader { return a.devices }

// MetricsHandler shows the metrics.
func (a *App) MetricsHandler() http.Handler { return a.metrics.Handler(a.log) }

// SenderOf makes a sender of a target.
func SenderOf(o Options, t config.NotifyTarget, vault config.Vault) (notify.Sender, error) {
	return newSender(o, t, vault)
}

// MessageCounts are those of the targets.
func (a *App) MessageCounts() []notify.Counted { return a.desk.Counts() }

// Shown is what the API shows of a group.
func (a *App) Shown(name appliance.GroupName) api.Group { return a.shown(a.group(name)) }

// View returns what takes the rounds of a group between ticks.
func (a *App) View(name appliance.GroupName) func([]appliance.Observation) {
	c := a.group(name).controller
	return newView(c.Rules(), &controller.Report{}, a.now, c.Saw).saw
}
