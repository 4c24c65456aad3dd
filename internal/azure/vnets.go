package azure

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/appliance"
	"hopguard/internal/peering"
)

// Networks reads all virtual networks of the subscriptions in question, with their
// halves of peerings, those of the members, wherever they are, and the tenants. It
// costs one list per subscription and one for the tenants, with requests that nobody
// else needs. What could be read is returned together with an error for the rest.
func (c *Client) Networks(ctx context.Context, want peering.Want) (peering.View, error) {
	subscriptions, err := c.Subscriptions(ctx)
	if err != nil {
		return peering.View{}, err
	}
	views := make([]peering.View, len(subscriptions))
	failed := make([]error, len(subscriptions)+1)
	var v peering.View
	var g errgroup.Group
	for i, s := range subscriptions {
		g.Go(func() error {
			if views[i], failed[i] = c.listNetworks(ctx, s); failed[i] != nil {
				failed[i] = fmt.Errorf("list virtual networks of subscription %s: %w", s, failed[i])
			}
			return nil
		})
	}
	g.Go(func() error {
		v.Tenants, failed[len(subscriptions)] = c.tenants(ctx)
		return nil
	})
	_ = g.Wait() // the errors are in failed
	for _, part := range views {
		v.Networks = append(v.Networks, part.Networks...)
		v.Unread = append(v.Unread, part.Unread...)
		v.Complete = append(v.Complete, part.Complete...)
	}
	return v, errors.Join(errors.Join(failed...), c.addHubs(ctx, want, &v))
}

// listNetworks reads the networks of one subscription. One that is malformed becomes
// an Unread: it is nobody's business unless it is selected.
func (c *Client) listNetworks(ctx context.Context, subscription string) (peering.View, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tablesWait, fmt.Errorf("not complete within %s", tablesWait))
	defer cancel()
	var v peering.View
	path := "/subscriptions/" + subscription + "/providers/Microsoft.Network/virtualNetworks"
	err := c.list(ctx, c.spareGet, providerNetwork, path, nil, func(raw json.RawMessage) error {
		n, err := peering.Parse(raw)
		switch {
		case n.ID == "":
			return err
		case err != nil:
			v.Unread = append(v.Unread, peering.Unread{Network: n.ID, Tags: n.Tags, Why: err.Error()})
		default:
			v.Networks = append(v.Networks, n)
		}
		return nil
	})
	if err == nil {
		v.Complete = []string{subscription}
	}
	return v, err
}

// addHubs reads the members' networks that are in no list.
func (c *Client) addHubs(ctx context.Context, want peering.Want, v *peering.View) error {
	var errs []error
	for _, hub := range want.Hubs {
		known := slices.ContainsFunc(v.Unread, func(u peering.Unread) bool { return u.Network.Equal(hub.Network) })
		if _, ok := v.Network(hub.Network); ok || known {
			continue
		}
		n, err := c.network(ctx, hub.Network)
		if err == nil && n != nil {
			v.Networks = append(v.Networks, *n)
			continue
		}
		why := "it does not exist"
		if err != nil {
			why = err.Error()
			errs = append(errs, fmt.Errorf("read virtual network of member %s: %w", hub.Members[0], err))
		}
		v.Unread = append(v.Unread, peering.Unread{Network: hub.Network, Why: why})
	}
	return errors.Join(errs...)
}

// network reads one network by its id; nil if it does not exist.
func (c *Client) network(ctx context.Context, id appliance.ResourceID) (*peering.Network, error) {
	a, err := c.spareGet(ctx, providerNetwork, string(id), nil)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	n, err := peering.Parse(a.Body)
	return &n, err
}

// half reads one half of a peering by its name; nil if it does not exist.
func (c *Client) half(ctx context.Context, network appliance.ResourceID, name string) (*peering.Half, error) {
	a, err := c.spareGet(ctx, providerNetwork, string(peering.HalfID(network, name)), nil)
	if missing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	h, err := peering.ParseHalf(network, a.Body)
	if h.ETag == "" {
		h.ETag = a.Header.Get("ETag")
	}
	return &h, err
}

// missing reports whether ARM says that a resource does not exist.
func missing(err error) bool {
	e, ok := errors.AsType[*APIError](err)
	return ok && e.Status == http.StatusNotFound && e.has("ResourceNotFound", "NotFound", "ResourceGroupNotFound", "ParentResourceNotFound")
}

// tenants reads the tenant of each subscription that the credential can see.
func (c *Client) tenants(ctx context.Context) (map[string]string, error) {
	tenants := map[string]string{}
	err := c.list(ctx, c.spareGet, providerResources, "/subscriptions", nil, func(raw json.RawMessage) error {
		var s struct {
			ID     string `json:"subscriptionId"`
			Tenant string `json:"tenantId"`
		}
		if err := json.Unmarshal(raw, &s); err != nil || s.ID == "" {
			return fmt.Errorf("decode subscription: %.80q", raw)
		}
		tenants[strings.ToLower(s.ID)] = s.Tenant
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list tenants of subscriptions: %w", err)
	}
	return tenants, nil
}
