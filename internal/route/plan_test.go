package route_test

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"hopguard/internal/appliance"
	"hopguard/internal/route"
)

// named is a managed table with another id.
func named(id appliance.ResourceID, to ...string) route.Table {
	t := table(to...)
	t.ID = id
	return t
}

func TestPlanOrdersTables(t *testing.T) {
	other := appliance.ResourceID("/subscriptions/0000/resourceGroups/rg/providers/Microsoft.Network/routeTables/spoke-2")
	tables := []route.Table{
		named(rtID("spoke-2"), "10.1.0.4"), named(rtID("Spoke-1"), "10.1.0.4"), named(rtID("hub"), "10.2.0.4"), named(other, "10.1.0.4"), named(rtID("spoke-10"), "10.9.0.4"),
	}
	tests := []struct {
		name     string
		critical []string
		want     []appliance.ResourceID
	}{
		{"by-id-without-case", nil, []appliance.ResourceID{other, rtID("hub"), rtID("Spoke-1"), rtID("spoke-10"), rtID("spoke-2")}},
		{"critical-by-name", []string{"SPOKE-10", "spoke-1"}, []appliance.ResourceID{rtID("spoke-10"), rtID("Spoke-1"), other, rtID("hub"), rtID("spoke-2")}},
		{"critical-by-id", []string{strings.ToUpper(string(rtID("spoke-2")))}, []appliance.ResourceID{rtID("spoke-2"), other, rtID("hub"), rtID("Spoke-1"), rtID("spoke-10")}},
		{"critical-name-in-two-subscriptions", []string{"spoke-2"}, []appliance.ResourceID{other, rtID("spoke-2"), rtID("hub"), rtID("Spoke-1"), rtID("spoke-10")}},
		{"critical-that-is-not-there", []string{"spoke"}, []appliance.ResourceID{other, rtID("hub"), rtID("Spoke-1"), rtID("spoke-10"), rtID("spoke-2")}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := emea()
			g.Selection.Critical = tt.critical
			plan := g.Plan(tables)
			var got []appliance.ResourceID
			for _, p := range plan.Tables {
				got = append(got, p.Table)
			}
			if d := diff(tt.want, got); d != "" {
				t.Errorf("order of tables differs (-want +got):\n%s", d)
			}
			if plan.Group != "emea" || plan.Active != "b" {
				t.Errorf("Plan() is of %s at %s, want emea at b", plan.Group, plan.Active)
			}
			if plan.Routes() != 3 || plan.Agreed() {
				t.Errorf("Routes(), Agreed() = %d, %v, want 3, false", plan.Routes(), plan.Agreed())
			}
			if got := len(plan.Writes()); got != 3 {
				t.Errorf("Writes() = %d tables, want 3: those with a change", got)
			}
			want := map[appliance.MemberName]int{"a": 3, "b": 1}
			if d := diff(want, plan.Managed()); d != "" {
				t.Errorf("Managed() differs (-want +got):\n%s", d)
			}
		})
	}
}

// D7: a table is one write, however many of its routes move.
func TestD7OneWriteForEachTable(t *testing.T) {
	plan := emea().Plan([]route.Table{table("10.1.0.4", "10.1.0.4", "10.1.1.4", "fd01::4")})
	if got := plan.Writes(); len(got) != 1 || len(got[0].Changes) != 4 || plan.Routes() != 4 {
		t.Errorf("Writes() = %+v, want one write of four routes", got)
	}
}

// A table whose last write failed is written again, unless it must not be.
func TestRefusedTablesAreNotWrittenAgain(t *testing.T) {
	g := emea()
	g.Members[1].Hops = hops("lan", "10.2.0.4")
	failed := table("10.1.1.4")
	failed.State = "Failed"
	if got := g.Plan([]route.Table{failed}).Writes(); len(got) > 0 {
		t.Errorf("Writes() = %+v, want none: b has no address in the role wan", got)
	}
}

func TestPlanAgreed(t *testing.T) {
	tests := []struct {
		name   string
		tables []route.Table
		want   bool
	}{
		{"all-at-the-active-member", []route.Table{table("10.2.0.4"), table("10.2.1.4")}, true},
		{"one-elsewhere", []route.Table{table("10.2.0.4"), table("10.1.0.4")}, false},
		{"a-table-without-a-member", []route.Table{table("10.2.0.4"), table("10.9.0.4")}, false},
		{"nothing-to-disagree", nil, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := emea().Plan(tt.tables).Agreed(); got != tt.want {
				t.Errorf("Agreed() = %v, want %v", got, tt.want)
			}
		})
	}
}

// The predicted time is the arithmetic of Azure's budget: 200 writes at once,
// ten more each second, for each subscription by itself.
func TestPredict(t *testing.T) {
	arm := route.Budget{Burst: 200, PerSecond: 10, Write: 2 * time.Second}
	serial, ten, endless := arm, arm, arm
	serial.Parallel, ten.Parallel, endless.PerSecond = 1, 10, 0
	tests := []struct {
		name   string
		tables map[string]int // of each subscription
		budget route.Budget
		want   time.Duration
	}{
		{"nothing-to-write", nil, arm, 0},
		{"one", map[string]int{"s1": 1}, arm, 2 * time.Second},
		{"the-whole-burst", map[string]int{"s1": 200}, arm, 2 * time.Second},
		{"one-more-than-the-burst", map[string]int{"s1": 201}, arm, 2*time.Second + 100*time.Millisecond},
		{"five-hundred", map[string]int{"s1": 500}, arm, 32 * time.Second},
		{"subscriptions-do-not-wait-for-each-other", map[string]int{"s1": 200, "s2": 200, "s3": 210}, arm, 3 * time.Second},
		{"subscription-ids-without-case", map[string]int{"ab": 200, "AB": 10}, arm, 3 * time.Second},
		{"one-after-the-other", map[string]int{"s1": 3}, serial, 6 * time.Second},
		{"one-after-the-other-is-slower-than-the-budget", map[string]int{"s1": 500}, serial, 1000 * time.Second},
		{"ten-at-a-time", map[string]int{"s1": 21}, ten, 6 * time.Second},
		{"ten-at-a-time-a-full-wave", map[string]int{"s1": 20}, ten, 4 * time.Second},
		{"the-budget-is-slower-than-the-waves", map[string]int{"s1": 500}, route.Budget{Burst: 200, PerSecond: 10, Write: 2 * time.Second, Parallel: 100}, 32 * time.Second},
		{"no-rate-means-no-limit", map[string]int{"s1": 500}, endless, 2 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var tables []route.Table
			for s, n := range tt.tables {
				for i := range n {
					tables = append(tables, named(appliance.ResourceID("/subscriptions/"+s+"/resourceGroups/rg/providers/Microsoft.Network/routeTables/t"+strconv.Itoa(i)), "10.1.0.4"))
				}
			}
			tables = append(tables, table("10.2.0.4")) // needs no write and takes no time
			plan := emea().Plan(tables)
			for range 50 { // the order of a map must not show
				if got := plan.Predict(tt.budget); got != tt.want {
					t.Fatalf("Predict() = %v, want %v", got, tt.want)
				}
			}
		})
	}
}

// TestP10PlansDoNotPrintRawTables: a table may hold anything in tags and members
// that we do not know; the JSON of a plan shows only what it is about.
func TestP10PlansDoNotPrintRawTables(t *testing.T) {
	const secret = "s3cr3t"
	raw := `{"id":"` + string(rtID("t")) + `","etag":"W/\"1\"","tags":{"nva_ha_udr":"emea","password":"` + secret + `"},"token":"` + secret + `","properties":{"key":"` + secret +
		`","routes":[{"name":"r","properties":{"addressPrefix":"10.0.0.0/8","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.0.4","note":"` + secret + `"}}]}}`
	plan := emea().Plan([]route.Table{parse(t, raw)})
	b, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), secret) {
		t.Errorf("JSON of the plan shows the secret: %s", b)
	}
	want := `{"group":"emea","active":"b","tables":[{"table":"` + string(rtID("t")) + `","changes":[{"route":"r","prefix":"10.0.0.0/8","from":"10.1.0.4","to":"10.2.0.4","fromMember":"a","toMember":"b"}],` +
		`"managed":[{"route":"r","prefix":"10.0.0.0/8","member":"a"}],"etag":"W/\"1\""}]}`
	if string(b) != want {
		t.Errorf("JSON of the plan = %s\nwant %s", b, want)
	}
	if text := route.PlanText(plan); strings.Contains(text, secret) {
		t.Errorf("text of the plan shows the secret: %s", text)
	}
	// What Patch complains about is the route, not the table.
	if _, err := route.Patch([]byte(strings.Replace(raw, "10.1.0.4", "10.9.0.4", 1)), plan.Tables[0].Changes); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("Patch() = %v, want an error without the secret", err)
	}
}
