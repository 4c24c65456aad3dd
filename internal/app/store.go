package app

import (
	"crypto/rand"
	"fmt"
	"strings"

	"hopguard/internal/azure"
	"hopguard/internal/config"
	"hopguard/internal/controller"
	"hopguard/internal/store"
)

// newRecords returns the store that the configuration names, and the locks of those
// who share it; nil if nobody does.
func newRecords(o Options) (controller.Records, locks, error) {
	if o.Records != nil {
		return o.Records, nil, nil
	}
	switch c := o.Config.Store; c.Kind {
	case config.StoreFile:
		return store.File{Folder: c.Path, Now: o.Now}, nil, nil
	case config.StoreMemory:
		return &store.Memory{}, nil, nil
	case config.StoreBlob:
		settings, err := blobSettings(o)
		if err != nil {
			return nil, nil, err
		}
		container, err := azure.NewContainer(settings)
		if err != nil {
			return nil, nil, err
		}
		return azure.Records{Container: container, Now: o.Now}, azure.Leases{Container: container}, nil
	default:
		panic(fmt.Sprintf("app: store %q", string(c.Kind)))
	}
}

// blobSettings reads everything about the blobs out of the configuration. Without a
// key or a signature it signs in as for everything else in Azure.
func blobSettings(o Options) (azure.BlobSettings, error) {
	c := o.Config.Store
	pool, err := c.CertPool()
	if err != nil {
		return azure.BlobSettings{}, err
	}
	signIn, err := azureSettings(o)
	if err != nil {
		return azure.BlobSettings{}, err
	}
	if pool == nil {
		pool = signIn.CA
	}
	s := azure.BlobSettings{
		Account: c.Account, Credential: signIn.Credential, Container: c.Container, Prefix: c.Prefix, Create: c.Create,
		Timeout: c.Timeout, CA: pool, Authority: signIn.Authority, Transport: signIn.Transport,
		Rand: signIn.Rand, // azureSettings makes one for each who asks
	}
	switch {
	case c.Account != "":
	case c.SASURL != "" || c.SASURLEnv != "" || c.SASURLFile != "":
		text, err := c.LoadSASURL(o.Getenv)
		if err != nil {
			return azure.BlobSettings{}, err
		}
		s.SASURL = azure.BlobSecret(text.Reveal())
	default:
		text, err := c.LoadConnectionString(o.Getenv)
		if err != nil {
			return azure.BlobSettings{}, err
		}
		s.ConnectionString = azure.BlobSecret(text.Reveal())
	}
	return s, nil
}

// records are those of one group: with storeOutage act, a controller that is alone
// goes on while the store is down.
func (a *App) records(c config.Group, w world) controller.Records {
	switch c.Policy.StoreOutage {
	case config.StoreOutageHold:
		return w.records
	case config.StoreOutageAct:
		return &store.Outage{
			Records: w.records, Alone: a.alone,
			Warn: func(err error) { a.log.Warn("record dropped", "err", err) },
		}
	default:
		panic(fmt.Sprintf("app: storeOutage %q", string(c.Policy.StoreOutage)))
	}
}

// newReplicas makes this process one of those that share the store.
func (a *App) newReplicas(l locks, c config.Replicas) *replicas {
	name := c.Name
	if name == "" { // hosts in two regions may have one name, and containers one process id
		name = strings.ReplaceAll(a.term.Holder, "/", "-") + "-" + rand.Text()[:4]
	}
	var keys []string
	for _, g := range a.groups {
		keys = append(keys, keyOf(g.controller.Group.Name))
	}
	return newReplicas(l, name, c.Lease, keys, a.log)
}
