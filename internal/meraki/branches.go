package meraki

import (
	"context"
	"fmt"
	"net/netip"
)

// Export is what one network offers to the VPN.
type Export struct {
	Network NetworkID
	// Name is that of the network, on one line and not longer than 80 characters.
	Name string
	// Serial is that of its appliance.
	Serial Serial
	// Prefixes are what it offers, without host bits.
	Prefixes []netip.Prefix
	// Unread says what of it could not be understood: then it may offer more. It is empty
	// if everything was.
	Unread string
}

// Exports returns what every network of an organization offers to the VPN, from the
// same operation as VPNStatuses, with one paged call for everybody who asks within a
// second. It takes only what nobody else needs of our share of the organization's
// budget, and no check waits for it: with a context that ends before there is room it
// returns a BusyError. It is safe for concurrent use.
func (c *Client) Exports(ctx context.Context, id OrganizationID) ([]Export, error) {
	o := c.organization(id)
	rows, _, err := o.exports.ask(ctx, c, o, nil)
	if err != nil {
		return nil, err
	}
	out := make([]Export, len(rows))
	for i, row := range rows {
		out[i] = readExport(row)
	}
	return out, nil
}

// readExport is stricter than readStatus: a member that is missing is no empty list.
func readExport(o object) Export {
	e := Export{Network: NetworkID(o.text("networkId")), Name: printable(o.text("networkName"), 80), Serial: Serial(o.text("deviceSerial"))}
	list, ok := o["exportedSubnets"].([]any)
	switch {
	case e.Network == "":
		e.Unread = "it has no networkId"
	case !ok:
		e.Unread = "it has no list exportedSubnets"
	}
	for i, item := range list {
		member, _ := item.(map[string]any)
		text := object(member).text("subnet")
		p, err := netip.ParsePrefix(text)
		if err != nil {
			e.Unread = fmt.Sprintf("exportedSubnets[%d].subnet: %q: want a prefix like 10.0.0.0/24", i, printable(text, 60))
			continue
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		e.Prefixes = append(e.Prefixes, p.Masked())
	}
	return e
}
