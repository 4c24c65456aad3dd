package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Check is a configured test of every member of a group.
type Check struct {
	// Name is unique in the group. After loading it is never empty: the kind, and a number if the kind repeats.
	Name string `yaml:"name"`
	// Kind is what is asked.
	Kind Kind `yaml:"kind"`
	// Interval is the time between two checks.
	Interval time.Duration `yaml:"interval"`
	// Timeout bounds one check; less than Interval. Reading a file, the default is at most half of it.
	Timeout time.Duration `yaml:"timeout"`
	// ConfirmInterval is the time to the next check after a failure, until Fall is reached or a check passes. Reading
	// a file, the default is at most half of Interval.
	ConfirmInterval time.Duration `yaml:"confirmInterval"`
	// Fall is the number of failures in a row that make the check down.
	Fall int `yaml:"fall"`
	// Rise is the number of passes in a row that make the check up.
	Rise int `yaml:"rise"`
	// Port is asked on the first next-hop address of the member (tcp, http). 0 = Targets or URL say where.
	Port int `yaml:"port"`
	// Targets says for each member, by name, where to ask: "host:port" (tcp), a URL (http), an IP address (icmp; without
	// targets the first next-hop address is asked), or which device to ask about: its serial (meraki).
	Targets map[string]string `yaml:"targets"`
	// URL is asked with {address} replaced by the first next-hop address of the member (http).
	URL string `yaml:"url"`
	// Status are the HTTP status codes that pass (http).
	Status []int `yaml:"status"`
	// Body must occur in the answer (http). "" = any body.
	Body string `yaml:"body"`
	// InsecureSkipVerify accepts any certificate (http).
	InsecureSkipVerify bool `yaml:"insecureSkipVerify"`
	// ServerName is expected in the certificate instead of the host of the URL (http). "" = the host of the URL.
	ServerName string `yaml:"serverName"`
	// CAFile is a PEM file of authorities trusted instead of those of the system (http). "" = those of the system. It is
	// meant to be read for each question, so that it may be renewed.
	CAFile string `yaml:"caFile"`
	// Command is run without a shell: a path, or a name to look for in PATH, and its arguments (exec).
	Command []string `yaml:"command"`
	// Ping says that a device which the cloud calls offline is pinged from the cloud before that counts (meraki).
	Ping bool `yaml:"ping"`
	// Source is the address of this machine that questions come from (tcp, http, icmp). Invalid = the system chooses.
	Source netip.Addr `yaml:"source"`
	// Interface is the network interface of this machine that questions leave by (tcp, http, icmp). "" = the system chooses.
	Interface string `yaml:"interface"`
	// Fresh is how old the newest observation may be before the check says nothing. After loading it is never 0: without
	// it, three intervals and the longest timeout of the group's checks.
	Fresh time.Duration `yaml:"fresh"`
}

// addressMark stands for the member's address in Check.URL.
const addressMark = "{address}"

// Target says where the check asks the member whose first next-hop address is given: "host:port" for tcp, a URL for http,
// an address for icmp, a serial for meraki, "" for vm-status and exec. The check must have passed Validate.
func (c Check) Target(member string, address netip.Addr) string {
	if c.Kind == KindVMStatus || c.Kind == KindExec {
		return ""
	}
	if target, ok := c.Targets[member]; ok {
		return target
	}
	if c.Kind == KindICMP {
		return address.String()
	}
	if c.URL != "" {
		host := address.String()
		if address.Is6() {
			host = "[" + host + "]"
		}
		return strings.ReplaceAll(c.URL, addressMark, host)
	}
	at := net.JoinHostPort(address.String(), strconv.Itoa(c.Port))
	if c.Kind == KindHTTP {
		return "http://" + at + "/"
	}
	return at
}
