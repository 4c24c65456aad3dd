package cli_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"hopguard/internal/azuresim"
)

const (
	spokeTag = "sdwan"
	oneSub   = "/subscriptions/5b5c1a10-0000-4000-8000-000000000001"
)

// changeSpokes makes a world for stories of spokes:
//
//	spokes          nothing is peered, two of three networks are tagged, and hopguard may peer
//	routes          and the second gets a route table
//	no-peer-right   but it may not let anybody peer with vnet-sdwan-b
//	full-hub        vnet-sdwan-b has as many peerings as Azure allows
//	no-vmx-b        the second appliance is yet to be deployed
func changeSpokes(w *azuresim.World, change string) bool {
	role := &w.Principals[0].Roles[0]
	const peer = "Microsoft.Network/virtualNetworks/peer/action"
	switch change {
	case "spokes":
		w.Peerings = nil
		for _, i := range []int{2, 3} {
			w.VirtualNetworks[i].Tags = map[string]string{spokeTag: "emea"}
		}
		role.Actions = append(role.Actions, "Microsoft.Network/virtualNetworks/virtualNetworkPeerings/*", peer)
	case "routes":
		// The second network has no table, and hopguard may make one.
		w.VirtualNetworks[3].Subnets[0].RouteTable = ""
		role.Actions = append(role.Actions, "Microsoft.Network/routeTables/join/action", "Microsoft.Network/virtualNetworks/subnets/*")
	case "no-peer-right":
		role.Actions = slices.DeleteFunc(role.Actions, func(a string) bool { return a == peer })
		for i, v := range w.VirtualNetworks {
			if i != 1 {
				w.Principals[0].Roles = append(w.Principals[0].Roles, azuresim.Assignment{Scope: v.ID(), Actions: []string{peer}})
			}
		}
	case "full-hub":
		hub := w.VirtualNetworks[1]
		for i := range 500 {
			v := azuresim.VirtualNetwork{
				Subscription: hub.Subscription, ResourceGroup: hub.ResourceGroup, Name: fmt.Sprint("vnet-full-", i), Location: hub.Location,
				AddressPrefixes: []string{fmt.Sprintf("100.%d.%d.0/24", 64+i/256, i%256)},
			}
			w.VirtualNetworks = append(w.VirtualNetworks, v)
			w.Peerings = append(w.Peerings, azuresim.Peering{A: v.ID(), B: hub.ID()})
		}
	case "no-vmx-b":
		w.VirtualMachines = slices.DeleteFunc(w.VirtualMachines, func(vm azuresim.VirtualMachine) bool { return vm.Name == "vmx-b" })
	default:
		return false
	}
	return true
}

// networkID is the id of a network by its name.
func networkID(name string) string {
	group := "rg-spoke-1"
	if region, ok := map[string]string{"vnet-sdwan-a": "westeurope", "vnet-sdwan-b": "northeurope"}[name]; ok {
		group = "rg-sdwan-" + region
	} else if n, ok := strings.CutPrefix(name, "vnet-spoke-"); ok {
		group = "rg-spoke-" + n
	}
	return oneSub + "/resourceGroups/" + group + "/providers/Microsoft.Network/virtualNetworks/" + name
}

// asOwner makes a request as the owner of everything; 404 is an answer too.
func (s *served) asOwner(ts *testscript.TestScript, method, path string, body any) map[string]any {
	token, _, err := s.Token("owner")
	ts.Check(err)
	text, err := json.Marshal(body)
	ts.Check(err)
	req, err := http.NewRequest(method, "https://sim.invalid"+path+"?api-version=2025-05-01", strings.NewReader(string(text))) //nolint:noctx // a script has none
	ts.Check(err)
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := s.Transport().RoundTrip(req)
	ts.Check(err)
	defer resp.Body.Close()
	text, err = io.ReadAll(resp.Body)
	ts.Check(err)
	if resp.StatusCode > 299 && resp.StatusCode != http.StatusNotFound {
		ts.Fatalf("%s %s: %d %s", method, path, resp.StatusCode, text)
	}
	var answer map[string]any
	if len(text) > 0 {
		ts.Check(json.Unmarshal(text, &answer))
	}
	return answer
}

// changeSpoke is what people do to networks and peerings meanwhile:
//
//	spoke new|grow NETWORK PREFIX   a tagged network; one more prefix of a network
//	spoke tag|untag|delete NETWORK
//	spoke half NETWORK REMOTE       make a half by hand, called by-hand
//	spoke drop NETWORK REMOTE       delete the half of NETWORK
func changeSpoke(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: spoke new|grow|tag|untag|delete|half|drop NETWORK ...")
	}
	w, id := worldOf(ts), networkID(args[1])
	args = append(args, "")
	edit := func(change func(network, props map[string]any)) {
		network := w.asOwner(ts, http.MethodGet, id, nil)
		change(network, network["properties"].(map[string]any))
		w.asOwner(ts, http.MethodPut, id, network)
	}
	switch args[0] {
	case "new":
		w.asOwner(ts, http.MethodPut, id, map[string]any{
			"location": "westeurope", "tags": map[string]string{spokeTag: "emea"},
			"properties": map[string]any{"addressSpace": map[string]any{"addressPrefixes": []string{args[2]}}},
		})
	case "grow":
		edit(func(_, props map[string]any) {
			space := props["addressSpace"].(map[string]any)
			space["addressPrefixes"] = append(space["addressPrefixes"].([]any), args[2])
		})
	case "tag":
		edit(func(network, _ map[string]any) { network["tags"] = map[string]string{spokeTag: "emea"} })
	case "untag":
		edit(func(network, _ map[string]any) { network["tags"] = map[string]string{} })
	case "delete":
		w.asOwner(ts, http.MethodDelete, id, nil)
	case "half":
		w.asOwner(ts, http.MethodPut, id+"/virtualNetworkPeerings/by-hand", map[string]any{"properties": map[string]any{
			"remoteVirtualNetwork": map[string]any{"id": networkID(args[2])}, "allowVirtualNetworkAccess": true, "allowForwardedTraffic": true,
		}})
	case "drop":
		for _, h := range w.halvesOf(ts, args[1]) {
			if h.remote == args[2] {
				w.asOwner(ts, http.MethodDelete, id+"/virtualNetworkPeerings/"+h.name, nil)
			}
		}
	default:
		ts.Fatalf("spoke %s: unknown", args[0])
	}
	w.counted = len(w.Calls()) // these were not hopguard's
}

// half is one half of a peering.
type half struct{ name, remote, state string }

func (s *served) halvesOf(ts *testscript.TestScript, network string) []half {
	var out []half
	props, _ := s.asOwner(ts, http.MethodGet, networkID(network), nil)["properties"].(map[string]any)
	list, _ := props["virtualNetworkPeerings"].([]any)
	for _, p := range list {
		item := p.(map[string]any)
		in := item["properties"].(map[string]any)
		remote := fmt.Sprint(in["remoteVirtualNetwork"].(map[string]any)["id"])
		state := fmt.Sprint(in["peeringState"])
		if in["peeringSyncLevel"] != "FullyInSync" && state == "Connected" {
			state = fmt.Sprint(in["peeringSyncLevel"])
		}
		out = append(out, half{fmt.Sprint(item["name"]), remote[strings.LastIndexByte(remote, '/')+1:], state})
	}
	return out
}

// halves compares the halves of a network: halves vnet-spoke-1 vnet-sdwan-a=Connected.
// One that somebody has made by hand is followed by its name: vnet-sdwan-a=Connected/by-hand.
func halves(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: halves NETWORK REMOTE=STATE...")
	}
	var got []string
	for _, h := range worldOf(ts).halvesOf(ts, args[0]) {
		word := h.remote + "=" + h.state
		if !strings.HasPrefix(h.name, "hopguard-emea-") {
			word += "/" + h.name
		}
		got = append(got, word)
	}
	slices.Sort(got)
	if want := slices.Sorted(slices.Values(args[1:])); !slices.Equal(got, want) {
		ts.Fatalf("halves of %s = %v, want %v", args[0], got, want)
	}
}
