package archtest

import "strings"

// Trait is a property of a package that its source text must show.
type Trait uint

const (
	// Pure packages map values to values. They import only what pureStdlib lists,
	// call nothing that reads a clock or prints, and start no goroutine.
	Pure Trait = 1 << iota
	// Clock packages may read the time of day. All others get it as a value.
	Clock
	// Owned packages have no go statement: goroutines are started by wg.Go or an
	// errgroup, so that somebody waits for them.
	Owned
	// SDK packages may import the Azure SDK.
	SDK
	// TestSDK packages may import the Azure SDK in tests only.
	TestSDK
)

// Ban forbids an import to one package.
type Ban struct {
	Path   string // an import path; a trailing slash bans everything below it
	Reason string
}

// Row says what one package may do. Names without a slash are below internal/.
type Row struct {
	Package string
	May     string // packages of this module that its code may import, separated by spaces
	Tests   string // the further ones that its tests may import
	Traits  Trait
	Bans    []Ban
}

// Table is the import table of a module.
type Table []Row

// House returns the import table of hopguard. A package that is not in it is a
// finding, so a new package starts here.
func House() Table {
	const (
		// What the stand-ins drive. They never see azure: a simulator that shares
		// code with the client would agree with its mistakes.
		driven = "appliance decide route peering probe lease store controller journal config app azuresim"
		// app wires everything; only the stand-ins that drive it are out of reach.
		all = "appliance decide route peering probe lease store controller journal config " +
			"branch spoke azure azuresim meraki events notify metrics api web functions"
	)
	return Table{
		// The vocabulary and the pure core: data in, data out.
		{Package: "appliance", Traits: Pure | Owned},
		{Package: "decide", May: "appliance", Traits: Pure | Owned},
		{Package: "route", May: "appliance", Traits: Pure | Owned},
		{Package: "peering", May: "appliance", Traits: Pure | Owned},
		// Tables and routes for new networks. Apart from route, which only ever moves what
		// is there, and from peering, which knows no routes.
		{Package: "branch", May: "appliance peering route", Traits: Pure | Owned},
		// What a scan of workload networks found and did. Apart from peering, because a
		// plan is not yet a report.
		{Package: "spoke", May: "appliance branch peering", Traits: Pure | Owned},

		// The story of one tick. It knows no network, no file and no cloud.
		{Package: "controller", May: "appliance decide route peering lease",
			Tests: "azure azuresim probe store journal", Traits: Owned, Bans: worldless()},

		// The adapters: one outside thing each.
		{Package: "probe", May: "appliance", Tests: "azuresim meraki merakisim", Traits: Clock},
		{Package: "lease", Traits: Clock},
		{Package: "store", May: "appliance decide"},
		{Package: "azure", May: "appliance branch decide route peering lease store",
			Tests: "azuresim azurite blobsim controller probe", Traits: Clock | SDK},
		{Package: "meraki", May: "appliance", Tests: "merakisim", Traits: Clock},
		{Package: "notify", May: "appliance", Traits: Owned},

		// The views of a tick and the ways in.
		{Package: "journal", May: "controller decide route peering appliance", Traits: Clock},
		// Apart from journal, because it counts from one report to the next, and because
		// the library of its format shall not be where a report is printed.
		{Package: "metrics", May: "controller journal decide appliance spoke", Tests: "events notify route peering", Traits: Owned},
		{Package: "api", May: "controller journal decide route peering appliance spoke", Traits: Clock | Owned},
		{Package: "web"},
		{Package: "functions", Traits: Owned},
		{Package: "events", Traits: Owned},
		{Package: "config"},
		{Package: "app", May: all, Tests: "blobsim merakisim sim lab funchost azurite", Traits: Clock | Owned},
		// The terminal is a view of a tick: it names what it orders and shows.
		{Package: "cli", May: "app config api azuresim merakisim sim lab labreport outage appliance controller decide journal spoke",
			Tests: "blobsim route store funchost funczip", Traits: Clock},
		{Package: "cmd/hopguard", May: "cli"},

		// The stand-ins. They keep the time of their own world.
		{Package: "azuresim", May: "armtemplate", Traits: Clock | TestSDK},
		// The language of the template in deploy/arm: values in, values out.
		{Package: "armtemplate", Traits: Pure | Owned},
		// Its clock is the storage service's; Azurite tells its tests who is right.
		{Package: "blobsim", Tests: "azurite", Traits: Clock},
		// The real Azurite, for tests and for chaos: nothing that is shipped runs it.
		{Package: "azurite"},
		{Package: "merakisim", Traits: Clock},
		// The Functions host as it is documented: it shares no code with functions.
		{Package: "funchost", Tests: "azurite", Traits: Clock | Owned},
		// The whole of it by a seed, and the judge of what it does.
		{Package: "trial", May: driven + " merakisim blobsim", Tests: "azure", Traits: Clock},
		{Package: "sim", May: driven, Tests: "azure merakisim", Traits: Clock | TestSDK},

		// The lab: hopguard as it is shipped, between namespaces with real packets. It starts
		// programs and reads what they say; it shares nothing with them but their formats.
		{Package: "lab", May: "azuresim config netlab traffic contender outage", Tests: "app", Traits: Clock | Owned},
		// Namespaces, links and wires of Linux: no word of Azure.
		{Package: "netlab", Traits: Clock},
		// What sends and counts packets.
		{Package: "traffic", May: "outage", Traits: Clock | Owned},
		// The programs that move routes, each with its settings, and what they say they did.
		{Package: "contender", May: "azuresim config deploy/functions funchost outage", Tests: "appliance decide probe", Traits: Clock | Owned},
		// The results, and their pictures.
		{Package: "outage", Traits: Pure | Owned},
		{Package: "labreport", May: "outage", Traits: Owned},
		// Thousands of groups in one process.
		{Package: "scale", May: driven + " azure", Traits: Clock | TestSDK},

		// Tests with Microsoft's typed clients, which take minutes to compile.
		{Package: "vendortest", Tests: "appliance azure azuresim controller decide lease probe route store", Traits: Clock | TestSDK},

		// The package of the Functions app: what is in it beside the program, and the command that writes it.
		{Package: "deploy/functions"},
		{Package: "funczip"},
		{Package: "deploy/functions/pack", May: "funczip"},
		// The template of the Deploy to Azure button; its tests deploy it and tick with it.
		{Package: "deploy/arm", Tests: "app armtemplate azuresim config controller decide"},

		// The container image, and the command that writes it.
		{Package: "oci"},
		{Package: "deploy/container/pack", May: "oci"},
		// What a program is made of.
		{Package: "sbom"},
		{Package: "deploy/sbom", May: "sbom"},

		// The tools of this repository.
		{Package: "archtest"},
		{Package: "mutants", Traits: Clock | Owned},
		// Of the client it uses what reads a record; what it judges by is azuresim's.
		{Package: "chaos", May: "azure azuresim azurite config decide", Tests: "appliance", Traits: Clock | Owned},
	}
}

// worldless are the bans of the package that tells the story of a tick.
func worldless() []Ban {
	const why = "controller reaches the world only through its own interfaces"
	return []Ban{
		{"net", why + " (net/netip is fine)"},
		{"net/http", why},
		{"net/url", why},
		{"os", why},
		{"os/", why},
		{"syscall", why},
	}
}

// owners names the only packages that may import a module from outside, and why.
// The Azure SDK is not here: the traits SDK and TestSDK rule it. Modules that
// nobody may import are in .golangci.yml.
func owners() map[string]owner {
	return map[string]owner{
		"github.com/spf13/cobra": {"cli", "the command line is one package"},
		"github.com/spf13/pflag": {"cli", "the command line is one package"},
		"github.com/gofrs/flock": {"store", "the lock guards the state file"},
		"github.com/prometheus/": {"metrics", "metrics are a view of the journal"},
		"github.com/wneessen/":   {"notify", "mail is one of several targets"},
		"github.com/emersion/":   {"notify", "a mail server is for the tests of mail"},
		"github.com/go-analyze/": {"labreport", "plots are drawn where results are shown"},
	}
}

type owner struct {
	packages string // separated by spaces
	reason   string
}

// sdkPrefixes are the modules that only a package with the trait SDK may see.
func sdkPrefixes() []string {
	return []string{"github.com/Azure/", "github.com/AzureAD/"}
}

// pureStdlib lists what a pure package may import from the standard library. It
// is a list of what is allowed, because each release adds ways to reach the world.
func pureStdlib() map[string]bool {
	m := map[string]bool{}
	for p := range strings.FieldsSeq(`
		bytes cmp encoding encoding/base64 encoding/hex encoding/json errors fmt
		hash/fnv iter maps math math/bits net/netip path regexp slices sort strconv strings
		text/tabwriter time unicode unicode/utf8 crypto/sha256`) {
		m[p] = true
	}
	return m
}

// worldly lists, by import path, the functions of otherwise harmless packages
// that a pure package may not mention.
func worldly() map[string]map[string]string {
	const (
		clock = "time is a field of the input"
		talk  = "a pure package returns what it has to say"
	)
	return map[string]map[string]string{
		"time": {
			"Now": clock, "Since": clock, "Until": clock, "Sleep": clock, "After": clock, "AfterFunc": clock,
			"Tick": clock, "NewTimer": clock, "NewTicker": clock,
			"Local":        "the zone of the machine is not an input; use UTC or a location that was passed in",
			"LoadLocation": "it reads the zone files of the machine; pass the location in",
		},
		"fmt": {
			"Print": talk, "Printf": talk, "Println": talk,
			"Scan": talk, "Scanf": talk, "Scanln": talk,
		},
	}
}

// clockReads are the functions of package time that only a package with the trait
// Clock may mention.
func clockReads() []string { return []string{"Now", "Since", "Until"} }

// words splits a cell of the table.
func words(s string) []string { return strings.Fields(s) }
