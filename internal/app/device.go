package app

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"hopguard/internal/config"
	"hopguard/internal/meraki"
)

const (
	// keyAge is how long a key from a vault is used before it is asked for again, and
	// keyRetry how long nobody asks again after the vault did not give it.
	keyAge, keyRetry = 5 * time.Minute, 30 * time.Second
	// livePings is how many pings one live ping sends.
	livePings = 5
)

// devices asks the Meraki cloud about the devices of one organization. It is safe for
// concurrent use.
type devices struct {
	client       *meraki.Client
	organization meraki.OrganizationID

	mu       sync.Mutex
	networks map[string]meraki.NetworkID // by serial
}

// newDevices wires the Meraki cloud, or returns nil if the configuration has none.
func newDevices(o Options, vault config.Vault) (*devices, error) {
	c := o.Config.Meraki
	if c.Organization == "" {
		return nil, nil
	}
	transport := o.Meraki
	if transport == nil {
		pool, err := c.CertPool()
		if err != nil {
			return nil, err
		}
		plain := http.DefaultTransport.(*http.Transport).Clone()
		plain.TLSClientConfig.RootCAs = pool
		transport = plain
	}
	client, err := meraki.New(meraki.Options{
		BaseURL: c.BaseURL, Key: merakiKey(o, vault), HTTP: &http.Client{Transport: transport},
		Share: c.RequestsPerSecond, UserAgent: userAgent(o.Version), Log: o.Logger, Jitter: spread(fork(o.Backoff)),
	})
	if err != nil {
		return nil, err
	}
	return &devices{client: client, organization: meraki.OrganizationID(c.Organization), networks: map[string]meraki.NetworkID{}}, nil
}

// spread returns numbers of a source, for several users at once, or nil for nil.
func spread(r *rand.Rand) func() float64 {
	if r == nil {
		return nil
	}
	var mu sync.Mutex
	return func() float64 {
		mu.Lock()
		defer mu.Unlock()
		return r.Float64()
	}
}

// merakiKey reads the key where the configuration says it is: from memory and files
// each time, from a vault now and then.
func merakiKey(o Options, vault config.Vault) meraki.KeySource {
	c := o.Config.Meraki
	read := func(ctx context.Context) (config.Secret, error) { return c.LoadKey(ctx, o.Getenv, vault) }
	if c.KeyVault != "" {
		read = (&kept{read: read, now: o.Now, age: keyAge, retry: keyRetry}).get
	}
	return func(ctx context.Context) (meraki.Key, error) {
		key, err := read(ctx)
		return meraki.Key(strings.TrimSpace(key.Reveal())), err
	}
}

// userAgent has the form that Meraki asks for.
func userAgent(version string) string {
	if version == "" {
		version = "0"
	}
	return "hopguard/" + version + " hopguard"
}

// Reachability returns how the cloud sees a device, from the VPN statuses: those of
// the whole organization that anybody asks for are one call.
func (d *devices) Reachability(ctx context.Context, serial string) (string, time.Time, error) {
	network, err := d.network(ctx, serial)
	if err != nil {
		return "", time.Time{}, err
	}
	s, err := d.client.VPNStatus(ctx, d.organization, network)
	if err == nil && !strings.EqualFold(string(s.Serial), serial) {
		err = fmt.Errorf("network %s has the device %s now", network, s.Serial)
	}
	if err != nil {
		d.forget(serial)
		return "", time.Time{}, err
	}
	return string(s.Reachability), s.Seen, nil
}

// network returns the network that a device is in. A device moves only when a person
// moves it, so that is asked once.
func (d *devices) network(ctx context.Context, serial string) (meraki.NetworkID, error) {
	d.mu.Lock()
	network, ok := d.networks[serial]
	d.mu.Unlock()
	if ok {
		return network, nil
	}
	a, err := d.client.Availability(ctx, d.organization, meraki.Serial(serial))
	if err != nil {
		return "", err
	}
	if a.NetworkID == "" {
		return "", fmt.Errorf("device %s is in no network", serial)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.networks[serial] = a.NetworkID
	return a.NetworkID, nil
}

func (d *devices) forget(serial string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.networks, serial)
}

// Ping orders a live ping of a device.
func (d *devices) Ping(ctx context.Context, serial string) (sent, received int, err error) {
	p, err := d.client.PingDevice(ctx, d.organization, meraki.Serial(serial), livePings)
	return p.Sent, p.Received, err
}
