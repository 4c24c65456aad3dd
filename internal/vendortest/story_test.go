package vendortest_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	azfake "github.com/Azure/azure-sdk-for-go/sdk/azcore/fake"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9"
	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/network/armnetwork/v9/fake"

	"github.com/google/go-cmp/cmp"

	"hopguard/internal/azuresim"
)

// vendorServer is Microsoft's own fake of the service: it checks the form of requests, and we say what it answers.
func vendorServer() *http.Client {
	ok := func(t armnetwork.RouteTable) (resp azfake.PollerResponder[armnetwork.RouteTablesClientCreateOrUpdateResponse], errs azfake.ErrorResponder) {
		resp.AddNonTerminalResponse(http.StatusCreated, nil)
		resp.SetTerminalResponse(http.StatusOK, armnetwork.RouteTablesClientCreateOrUpdateResponse{RouteTable: t}, nil)
		return resp, errs
	}
	factory := fake.ServerFactory{
		RouteTablesServer: fake.RouteTablesServer{
			BeginCreateOrUpdate: func(_ context.Context, _, name string, t armnetwork.RouteTable, _ *armnetwork.RouteTablesClientBeginCreateOrUpdateOptions) (azfake.PollerResponder[armnetwork.RouteTablesClientCreateOrUpdateResponse], azfake.ErrorResponder) {
				t.Name = &name
				return ok(t)
			},
			Get: func(_ context.Context, _, name string, _ *armnetwork.RouteTablesClientGetOptions) (resp azfake.Responder[armnetwork.RouteTablesClientGetResponse], errs azfake.ErrorResponder) {
				resp.SetResponse(http.StatusOK, armnetwork.RouteTablesClientGetResponse{RouteTable: armnetwork.RouteTable{Name: &name}}, nil)
				return resp, errs
			},
			UpdateTags: func(_ context.Context, _, name string, _ armnetwork.TagsObject, _ *armnetwork.RouteTablesClientUpdateTagsOptions) (resp azfake.Responder[armnetwork.RouteTablesClientUpdateTagsResponse], errs azfake.ErrorResponder) {
				resp.SetResponse(http.StatusOK, armnetwork.RouteTablesClientUpdateTagsResponse{RouteTable: armnetwork.RouteTable{Name: &name}}, nil)
				return resp, errs
			},
			BeginDelete: func(context.Context, string, string, *armnetwork.RouteTablesClientBeginDeleteOptions) (resp azfake.PollerResponder[armnetwork.RouteTablesClientDeleteResponse], errs azfake.ErrorResponder) {
				resp.AddNonTerminalResponse(http.StatusAccepted, nil)
				resp.SetTerminalResponse(http.StatusNoContent, armnetwork.RouteTablesClientDeleteResponse{}, nil)
				return resp, errs
			},
			NewListPager: func(string, *armnetwork.RouteTablesClientListOptions) (resp azfake.PagerResponder[armnetwork.RouteTablesClientListResponse]) {
				resp.AddPage(http.StatusOK, armnetwork.RouteTablesClientListResponse{RouteTableListResult: armnetwork.RouteTableListResult{Value: []*armnetwork.RouteTable{{Name: new("made")}}}}, nil)
				return resp
			},
		},
		RoutesServer: fake.RoutesServer{
			BeginCreateOrUpdate: func(_ context.Context, _, _, name string, r armnetwork.Route, _ *armnetwork.RoutesClientBeginCreateOrUpdateOptions) (resp azfake.PollerResponder[armnetwork.RoutesClientCreateOrUpdateResponse], errs azfake.ErrorResponder) {
				r.Name = &name
				resp.AddNonTerminalResponse(http.StatusCreated, nil)
				resp.SetTerminalResponse(http.StatusOK, armnetwork.RoutesClientCreateOrUpdateResponse{Route: r}, nil)
				return resp, errs
			},
			BeginDelete: func(context.Context, string, string, string, *armnetwork.RoutesClientBeginDeleteOptions) (resp azfake.PollerResponder[armnetwork.RoutesClientDeleteResponse], errs azfake.ErrorResponder) {
				resp.AddNonTerminalResponse(http.StatusAccepted, nil)
				resp.SetTerminalResponse(http.StatusNoContent, armnetwork.RoutesClientDeleteResponse{}, nil)
				return resp, errs
			},
		},
		InterfacesServer: fake.InterfacesServer{
			BeginGetEffectiveRouteTable: func(context.Context, string, string, *armnetwork.InterfacesClientBeginGetEffectiveRouteTableOptions) (resp azfake.PollerResponder[armnetwork.InterfacesClientGetEffectiveRouteTableResponse], errs azfake.ErrorResponder) {
				resp.AddNonTerminalResponse(http.StatusAccepted, nil)
				resp.SetTerminalResponse(http.StatusOK, armnetwork.InterfacesClientGetEffectiveRouteTableResponse{EffectiveRouteListResult: armnetwork.EffectiveRouteListResult{Value: []*armnetwork.EffectiveRoute{{}}}}, nil)
				return resp, errs
			},
		},
	}
	return &http.Client{Transport: roundTripper{fake.NewServerFactoryTransport(&factory)}}
}

// roundTripper makes an http.RoundTripper of an azcore transport.
type roundTripper struct{ policy.Transporter }

func (r roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return r.Do(req) }

// story makes the calls of a table's life with the official clients and tells what became of each.
func story(t *testing.T, o *arm.ClientOptions, cred credential) (told []string) {
	t.Helper()
	factory, err := armnetwork.NewClientFactory(sub1, cred, o)
	if err != nil {
		t.Fatal(err)
	}
	tables, routes, nics := factory.NewRouteTablesClient(), factory.NewRoutesClient(), factory.NewInterfacesClient()
	ctx, every := t.Context(), &runtime.PollUntilDoneOptions{Frequency: time.Second}
	tell := func(what string, err error) { told = append(told, fmt.Sprintf("%s: %v", what, err)) }
	body := armnetwork.RouteTable{Location: new("westeurope"), Tags: map[string]*string{"a": new("b")}, Properties: &armnetwork.RouteTablePropertiesFormat{Routes: []*armnetwork.Route{
		{Name: new("r"), Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: new("10.0.0.0/8"), NextHopType: new(armnetwork.RouteNextHopTypeVirtualAppliance), NextHopIPAddress: new("10.1.0.4")}}}}}
	put, err := tables.BeginCreateOrUpdate(ctx, "rg-spoke-1", "made", body, nil)
	if err == nil {
		var done armnetwork.RouteTablesClientCreateOrUpdateResponse
		done, err = put.PollUntilDone(ctx, every)
		tell("put answers "+*done.Name, err)
	}
	tell("put", err)
	got, err := tables.Get(ctx, "rg-spoke-1", "made", nil)
	tell("get "+*got.Name, err)
	tagged, err := tables.UpdateTags(ctx, "rg-spoke-1", "made", armnetwork.TagsObject{Tags: map[string]*string{"c": new("d")}}, nil)
	tell("tag "+*tagged.Name, err)
	route, err := routes.BeginCreateOrUpdate(ctx, "rg-spoke-1", "made", "s", armnetwork.Route{Properties: &armnetwork.RoutePropertiesFormat{AddressPrefix: new("11.0.0.0/8"), NextHopType: new(armnetwork.RouteNextHopTypeNone)}}, nil)
	if err == nil {
		var done armnetwork.RoutesClientCreateOrUpdateResponse
		done, err = route.PollUntilDone(ctx, every)
		tell("route "+*done.Name+" "+*done.Properties.AddressPrefix, err)
	}
	tell("route", err)
	gone, err := routes.BeginDelete(ctx, "rg-spoke-1", "made", "s", nil)
	if err == nil {
		_, err = gone.PollUntilDone(ctx, every)
	}
	tell("delete route", err)
	var found bool
	for pager := tables.NewListPager("rg-spoke-1", nil); pager.More(); {
		page, err := pager.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		found = found || slices.ContainsFunc(page.Value, func(t *armnetwork.RouteTable) bool { return *t.Name == "made" })
	}
	told = append(told, fmt.Sprint("listed: ", found))
	deleted, err := tables.BeginDelete(ctx, "rg-spoke-1", "made", nil)
	if err == nil {
		_, err = deleted.PollUntilDone(ctx, every)
	}
	tell("delete", err)
	effective, err := nics.BeginGetEffectiveRouteTable(ctx, "rg-spoke-1", "nic-app-1", nil)
	if err == nil {
		var done armnetwork.InterfacesClientGetEffectiveRouteTableResponse
		done, err = effective.PollUntilDone(ctx, every)
		tell(fmt.Sprint("effective routes: ", len(done.Value) > 0), err)
	}
	tell("effective", err)
	return told
}

// TestTheVendorsFakeAcceptsTheSameCalls runs one story of the official clients against Microsoft's fake and against the simulator.
func TestTheVendorsFakeAcceptsTheSameCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSim(t, azuresim.Options{Seed: 7})
		cred := credential{s, "owner"}
		vendor := clientOptions(s)
		vendor.Transport = vendorServer()
		if d := cmp.Diff(story(t, vendor, cred), story(t, clientOptions(s), cred)); d != "" {
			t.Errorf("the simulator differs (-vendor's fake +simulator):\n%s", d)
		}
		synctest.Wait()
	})
}
