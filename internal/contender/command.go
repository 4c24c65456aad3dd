package contender

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"time"

	"hopguard/internal/outage"
)

// Command returns any other program that moves routes: argv[0] is a path, or a name to
// look for in PATH. It is told where it is by its environment, and by nothing else. Its
// standard input is empty, its working directory Place.Dir, and it gets these variables:
//
//	PATH                               of this process
//	HOME                               Place.Dir
//	AZURE_TENANT_ID, AZURE_CLIENT_ID,  who it is, as Azure's own libraries read it
//	AZURE_CLIENT_SECRET,
//	AZURE_SUBSCRIPTION_ID
//	AZURE_AUTHORITY_HOST               where tokens are, as those libraries read it
//	SSL_CERT_FILE, CURL_CA_BUNDLE,     the PEM file of who has signed the certificate of Azure, for
//	REQUESTS_CA_BUNDLE,                Go and OpenSSL, curl, Python, Node.js
//	NODE_EXTRA_CA_CERTS
//	LAB_ARM_ENDPOINT, LAB_AUTHORITY    https URLs of Azure Resource Manager, and of what gives tokens
//	LAB_CA_FILE                        the same PEM file
//	LAB_GROUP                          the name of the group
//	LAB_TAG_NAME, LAB_TAG_VALUE        the tag of its route tables
//	LAB_MEMBERS                        the names of the members, with a comma between; the first is preferred
//	LAB_MEMBER_1_NAME, LAB_MEMBER_1_VM,        each member: name, id of the machine, next hop,
//	LAB_MEMBER_1_ADDRESS,                      host:port and address behind it
//	LAB_MEMBER_1_THROUGH, LAB_MEMBER_1_PING,
//	and the same with 2
//	LAB_WITNESS                        targets that depend on no member, with commas between
//	SUBSCRIPTIONID, TENANTID,          the old function's (docs/migrate-ha-nva-fo.md) and those of its
//	SP_USERNAME, SP_PASSWORD,          successors, so that such a program runs as it is: the power
//	AZURECLOUD, FW1NAME, FW2NAME,      state is asked three times, two seconds apart
//	FWRGNAME, FWUDRTAG, FWTRIES,
//	FWDELAY, FWMONITOR, FWIP1, FWIP2,
//	FW1FQDN, FW1PORT, FW2FQDN, FW2PORT,
//	VMX_PRIMARY_NAME, VMX_SECONDARY_NAME,
//	VMX_RESOURCE_GROUP, VMX_UDR_TAG,
//	VMX_PROBE_RETRIES, VMX_DELAY, VMX_MONITOR
//
// A program that insists on the public names of Azure needs them to lead to the
// endpoint, and a certificate that has them: see azuresim.Certificate.
func Command(name string, argv []string) Contender {
	return Contender{
		Setting: outage.Setting{Name: name, Title: strings.Join(argv, " "), Checks: "its own"},
		launch:  startCommand, argv: slices.Clone(argv),
	}
}

// command is any other program.
type command struct {
	*process
	place  Place
	steady time.Duration
	before int // how many requests Azure had answered before it was started
}

const (
	// quietTime without a request to Azure shows that a program has done what it does at first.
	quietTime = 2 * time.Second
	// busyTime after its first request a program is taken to be steady that never is quiet.
	busyTime = 30 * time.Second
)

func startCommand(_ context.Context, c Contender, p Place) (driver, error) {
	switch {
	case len(c.argv) == 0:
		return nil, fmt.Errorf("command %s is empty: want a program and its arguments", c.Setting.Name)
	case c.Steady <= 0 && p.Calls == nil:
		return nil, errors.New("place: Calls is nil: want a function, or a time after which the command is steady")
	}
	d := &command{place: p, steady: c.Steady}
	if p.Calls != nil {
		d.before = p.Calls()
	}
	cmd := exec.Command(c.argv[0], c.argv[1:]...) //nolint:noctx // who ends it waits for its end
	cmd.Dir, cmd.Env = p.Dir, append(p.environment(), p.variables()...)
	var err error
	d.process, err = p.start("command", cmd, nil)
	return d, err
}

// variables tell a program where it is: the table is at Command.
func (p Place) variables() []string {
	var names []string
	for _, m := range p.Members {
		names = append(names, m.Name)
	}
	vars := []string{
		"AZURE_TENANT_ID=" + p.Tenant, "AZURE_CLIENT_ID=" + p.ClientID, "AZURE_CLIENT_SECRET=" + string(p.Secret),
		"AZURE_SUBSCRIPTION_ID=" + p.Subscription, "AZURE_AUTHORITY_HOST=" + p.Endpoint,
		"SSL_CERT_FILE=" + p.CA, "CURL_CA_BUNDLE=" + p.CA, "REQUESTS_CA_BUNDLE=" + p.CA, "NODE_EXTRA_CA_CERTS=" + p.CA,
		"LAB_ARM_ENDPOINT=" + p.Endpoint, "LAB_AUTHORITY=" + p.Endpoint, "LAB_CA_FILE=" + p.CA,
		"LAB_GROUP=" + p.Group, "LAB_TAG_NAME=" + p.Tag.Name, "LAB_TAG_VALUE=" + p.Tag.Value,
		"LAB_MEMBERS=" + strings.Join(names, ","), "LAB_WITNESS=" + strings.Join(p.Witness, ","),
		"SUBSCRIPTIONID=" + p.Subscription, "TENANTID=" + p.Tenant, "SP_USERNAME=" + p.ClientID, "SP_PASSWORD=" + string(p.Secret),
		"AZURECLOUD=AzureCloud", "FWRGNAME=" + p.resourceGroups(), "VMX_RESOURCE_GROUP=" + p.resourceGroups(),
		"FWUDRTAG=" + p.Tag.Value, "VMX_UDR_TAG=" + p.Tag.Value, "FWTRIES=3", "VMX_PROBE_RETRIES=3", "FWDELAY=2", "VMX_DELAY=2",
		"FWMONITOR=VMStatus", "VMX_MONITOR=VMStatus",
		"FW1NAME=" + names[0], "VMX_PRIMARY_NAME=" + names[0], "FW2NAME=" + names[1], "VMX_SECONDARY_NAME=" + names[1],
	}
	for i, m := range p.Members {
		at := fmt.Sprintf("LAB_MEMBER_%d_", i+1)
		vars = append(vars,
			at+"NAME="+m.Name, at+"VM="+m.VM, at+"ADDRESS="+m.Address.String(), at+"THROUGH="+m.Through.String(), at+"PING="+m.Ping.String(),
			fmt.Sprintf("FWIP%d=%s", i+1, m.Address), fmt.Sprintf("FW%dFQDN=%s", i+1, m.Through.Addr()), fmt.Sprintf("FW%dPORT=%d", i+1, m.Through.Port()))
	}
	return vars
}

// resourceGroups are those of the members, as the old function has them: one name, or two
// with a comma between.
func (p Place) resourceGroups() string {
	var list []string
	for _, m := range p.Members {
		parts := strings.Split(m.VM, "/")
		if i := slices.IndexFunc(parts, func(s string) bool { return strings.EqualFold(s, "resourceGroups") }); i >= 0 && i+1 < len(parts) {
			list = append(list, parts[i+1])
		}
	}
	return strings.Join(slices.Compact(list), ",")
}

func (d *command) ready(ctx context.Context) error {
	began, last, calls := time.Now(), time.Time{}, d.before
	var first time.Time
	err := until(ctx, d.ended(), d.gone, func() (bool, string, error) {
		now := time.Now()
		if d.steady > 0 {
			return now.Sub(began) >= d.steady, "the time has not passed", nil
		}
		if n := d.place.Calls(); n > calls {
			calls, last = n, now
			if first.IsZero() {
				first = now
			}
		}
		steady := !first.IsZero() && (now.Sub(last) >= quietTime || now.Sub(first) >= busyTime)
		return steady, fmt.Sprintf("%d requests to Azure", calls-d.before), nil
	})
	if err != nil {
		return fmt.Errorf("wait until the command is steady: %w", err)
	}
	return nil
}

func (d *command) order(context.Context, string) error { return ErrUnsupported }

func (d *command) moments(context.Context, time.Time) (Moments, error) { return Moments{}, nil }

func (d *command) probes(context.Context) (made, failed int, err error) {
	return 0, 0, ErrUnsupported
}

func (d *command) moves(context.Context) (int, error) { return 0, ErrUnsupported }
