// Package sim runs hopguard in a simulated Azure: the world to run it in, served
// for other processes or driven in memory, the demo, and the measurement of its
// times in virtual time.
//
// It guarantees that what it shows is done by the production code: the same app
// wiring, the same controller, the same Azure client, whose requests and probes
// are carried to azuresim instead of to the network. What became of the routes
// and of the traffic is read from the simulated Azure, never from what hopguard
// says. It is no proof of Azure's real times: those are the profile's. Only cli
// imports it.
package sim

import (
	"errors"
	"fmt"
	"strings"

	"hopguard/internal/app"
	"hopguard/internal/azuresim"
	"hopguard/internal/config"
)

// Options say which world.
type Options struct {
	// World is the world; the zero value is the reference world.
	World azuresim.World
	// Seed feeds all randomness.
	Seed uint64
	// Profile is how fast Azure is; the zero value is azuresim.ProfileDefault.
	Profile azuresim.Profile
}

// Cloud is a simulated Azure and the group of appliances in it.
type Cloud struct {
	*azuresim.Sim
	World azuresim.World
}

// New builds the world. Close it after use.
func New(o Options) (*Cloud, error) {
	if len(o.World.Subscriptions) == 0 {
		o.World = azuresim.TwoRegions(azuresim.TwoRegionsOptions{})
	}
	s, err := azuresim.New(o.World, azuresim.Options{Seed: o.Seed, Profile: o.Profile})
	if err != nil {
		return nil, err
	}
	return &Cloud{Sim: s, World: o.World}, nil
}

// errNoGroup says that a world has no pair of appliances to make a group of.
var errNoGroup = errors.New("the world has not two appliances, a route table with a tag and a principal")

// Config returns a configuration for the world as it is reached under a URL: one
// group of its two appliances, with the tag of the first tagged table, kept in
// memory. It has no secret: whoever uses it says where that is.
func (c *Cloud) Config(url string) (config.Config, error) {
	appliances := c.appliances()
	name, value, ok := c.tag()
	if len(appliances) != 2 || !ok || len(c.World.Principals) == 0 {
		return config.Config{}, errNoGroup
	}
	conf := config.Default()
	conf.Azure.Endpoint, conf.Azure.Authority, conf.Azure.Audience = url, url, audience
	conf.Azure.Credential = config.CredentialClientSecret
	conf.Azure.TenantID, conf.Azure.ClientID = c.tenant(), c.World.Principals[0].AppID
	conf.Store.Kind = config.StoreMemory
	g := config.DefaultGroup()
	g.Name = groupName(value)
	g.Routes.Tag = config.Tag{Name: name, Value: value}
	for _, vm := range appliances {
		g.Members = append(g.Members, config.Member{Name: vm.Name, VM: config.ResourceID(vm.ID())})
	}
	conf.Groups = []config.Group{g}
	return conf.Complete(), nil
}

// appliances are the machines that forward.
func (c *Cloud) appliances() []azuresim.VirtualMachine {
	var list []azuresim.VirtualMachine
	for _, vm := range c.World.VirtualMachines {
		if vm.Appliance {
			list = append(list, vm)
		}
	}
	return list
}

// audience is what tokens are asked for.
const audience = "https://management.azure.com"

func (c *Cloud) tenant() string {
	if c.World.Tenant != "" {
		return c.World.Tenant
	}
	return azuresim.DefaultTenant
}

// tag is that of the first tagged table.
func (c *Cloud) tag() (name, value string, ok bool) {
	for _, t := range c.World.RouteTables {
		for name, value := range t.Tags {
			if strings.EqualFold(name, usualTag) {
				return name, value, true
			}
		}
	}
	return "", "", false
}

// usualTag is the tag by which hopguard finds its tables.
const usualTag = "nva_ha_udr"

// groupName makes a group's name of a tag value.
func groupName(value string) string {
	name := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(value))
	if name = strings.Trim(name, "-"); name == "" {
		return "group"
	}
	return name
}

// inMemory is the URL under which the world is reached without a network. The
// name can never exist.
const inMemory = "https://azuresim.invalid"

// Connect wires a configuration to the world, in memory. Of o, Config, Transport,
// Dial and Ping are set here.
func (c *Cloud) Connect(conf config.Config, o app.Options) (*app.App, error) {
	if conf.Azure.ClientSecret == "" {
		conf.Azure.ClientSecret = config.Secret(c.World.Principals[0].ClientSecret)
	}
	if err := conf.Validate(); err != nil {
		return nil, err
	}
	o.Config, o.Transport, o.Dial, o.Ping = conf, c.Transport(), c.DialContext, c.Ping
	a, err := app.New(o)
	if err != nil {
		return nil, fmt.Errorf("wire the simulated Azure: %w", err)
	}
	return a, nil
}
