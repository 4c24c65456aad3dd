package sim

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"hopguard/internal/azuresim"
	"hopguard/internal/config"
)

// ServeOptions say where a world is served. All fields are required.
type ServeOptions struct {
	// Listen and IdentityListen are the addresses of Azure (HTTPS) and of the
	// managed-identity endpoints (HTTP), as host:port; port 0 is any.
	Listen, IdentityListen string
	// Dir gets the files: ca.pem, env, hopguard.yaml and client-secret.
	Dir string
	// Ready is called once everything can be used.
	Ready func(Served) error
}

// Served is how a served world is reached.
type Served struct {
	// URL is that of Azure, Identity that of the managed-identity endpoints.
	URL, Identity string
	// Ports are the loopback addresses that stand for the appliances' data path, by
	// the machines' ids.
	Ports map[string]netip.AddrPort
	// CA, Env and Config are files; Config is "" if the world has no group.
	CA, Env, Config string
	// Active is the name of the appliance that carries traffic at first; "" if the
	// world has no group.
	Active string
}

// Serve serves the world until ctx ends. The end of ctx is no error.
func (c *Cloud) Serve(ctx context.Context, o ServeOptions) error {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the folder: %w", err)
	}
	if _, err := azuresim.Certificate(dir); err != nil { // before anybody may look for it
		return err
	}
	all, ctx := errgroup.WithContext(ctx)
	arm, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return fmt.Errorf("serve Azure: %w", err)
	}
	identity, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.IdentityListen)
	if err != nil {
		return errors.Join(fmt.Errorf("serve the managed identity: %w", err), arm.Close())
	}
	ports, wait, err := c.ExposePorts(ctx)
	if err != nil {
		return errors.Join(fmt.Errorf("serve the appliances: %w", err), arm.Close(), identity.Close())
	}
	defer wait()
	s := Served{URL: "https://" + reachable(arm.Addr()), Identity: "http://" + reachable(identity.Addr()), Ports: ports}
	all.Go(func() error { return c.Sim.Serve(ctx, arm, dir) })
	all.Go(func() error { return c.ServeIdentity(ctx, identity) })
	all.Go(func() error {
		if err := c.files(dir, &s); err != nil {
			return err
		}
		return o.Ready(s)
	})
	return all.Wait()
}

// reachable is a listener's address as a client of the same machine dials it.
func reachable(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return addr.String()
	}
	if ip, err := netip.ParseAddr(host); err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// files writes what a client needs to find and trust the world.
func (c *Cloud) files(dir string, s *Served) error {
	s.CA = filepath.Join(dir, "ca.pem")
	s.Env = filepath.Join(dir, "env")
	secret := filepath.Join(dir, "client-secret")
	if len(c.World.Principals) > 0 {
		if err := os.WriteFile(secret, []byte(string(c.World.Principals[0].ClientSecret)+"\n"), 0o600); err != nil {
			return fmt.Errorf("write the client secret: %w", err)
		}
	}
	conf, err := c.Config(s.URL)
	switch {
	case errors.Is(err, errNoGroup):
	case err != nil:
		return err
	default:
		s.Config, s.Active = filepath.Join(dir, "hopguard.yaml"), conf.Groups[0].Preferred
		conf.Azure.CAFile, conf.Azure.ClientSecretFile = s.CA, secret
		conf.Store = config.Store{Kind: config.StoreFile, Path: filepath.Join(dir, stateFolder)}
		conf.Groups[0].Checks = append(conf.Groups[0].Checks, c.portCheck(s.Ports))
		text, err := conf.Complete().YAML()
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.Config, text, 0o600); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
	}
	if err := os.WriteFile(s.Env, []byte(c.env(*s)), 0o600); err != nil {
		return fmt.Errorf("write the variables: %w", err)
	}
	return nil
}

// portCheck asks the ports that stand for the appliances.
func (c *Cloud) portCheck(ports map[string]netip.AddrPort) config.Check {
	k := config.DefaultCheck(config.KindTCP)
	k.Targets = map[string]string{}
	for _, vm := range c.appliances() {
		k.Targets[vm.Name] = ports[vm.ID()].String()
	}
	return k
}

// env is a shell script that sets what hopguard and the official clients read.
func (c *Cloud) env(s Served) string {
	vars := map[string]string{
		"HOPGUARD_AZURE_ENDPOINT":  s.URL,
		"HOPGUARD_AZURE_AUTHORITY": s.URL,
		"HOPGUARD_AZURE_AUDIENCE":  audience,
		"HOPGUARD_AZURE_CAFILE":    s.CA,
		"HOPGUARD_CONFIG":          s.Config,
		"IDENTITY_ENDPOINT":        s.Identity + "/msi/token",
		"IDENTITY_HEADER":          identityHeader,
		"MSI_ENDPOINT":             s.Identity + "/msi/token",
		"MSI_SECRET":               identityHeader,
		"REQUESTS_CA_BUNDLE":       s.CA,
		"SSL_CERT_FILE":            s.CA,
		"SIM_URL":                  s.URL,
		"SIM_SUBSCRIPTION":         c.World.Subscriptions[0].ID,
		"SIM_TENANT":               c.tenant(),
	}
	for i, p := range c.World.Principals {
		switch {
		case i == 0:
			vars["SIM_CLIENT_ID"], vars["SIM_CLIENT_SECRET"] = p.AppID, string(p.ClientSecret)
		case p.Name == "owner":
			vars["SIM_OWNER_ID"], vars["SIM_OWNER_SECRET"] = p.AppID, string(p.ClientSecret)
		}
	}
	var b strings.Builder
	b.WriteString("# Source it: what hopguard and the official clients need to find this world.\n")
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		fmt.Fprintf(&b, "export %s='%s'\n", name, strings.ReplaceAll(vars[name], "'", `'\''`))
	}
	return b.String()
}

// stateFolder holds the records, below the folder of a served world.
const stateFolder = "state"

// identityHeader is the simulator's own default.
const identityHeader = "identity-header"
