package azuresim

import (
	"net/http"
	"strings"
)

// An agreement is whether the terms of a plan in the marketplace were accepted in a subscription. A deployment of such a plan is
// refused before.

// cutAgreement reads what follows Microsoft.MarketplaceOrdering: the address at which terms are read and accepted, or the one at which
// they are cancelled. The name is publisher/offer/plan.
func cutAgreement(rest []string) (name, action string, ok bool) {
	low := strings.Split(lower(strings.Join(rest, "/")), "/")
	switch {
	case len(low) == 10 && low[0] == "offertypes" && low[2] == "publishers" && low[4] == "offers" && low[6] == "plans" && low[8] == "agreements" && low[9] == "current":
		return strings.Join([]string{rest[3], rest[5], rest[7]}, "/"), "", true
	case len(low) == 7 && low[0] == "agreements" && low[2] == "offers" && low[4] == "plans" && (low[6] == "cancel" || low[6] == "sign"):
		return strings.Join([]string{rest[1], rest[3], rest[5]}, "/"), low[6], true
	default:
		return "", "", false
	}
}

// agreement serves the terms of a plan.
func (s *Sim) agreement(rq *request) *reply {
	t := rq.target
	key := lower(t.sub + "/" + t.name)
	switch {
	case t.action == "cancel" && rq.http.Method == http.MethodPost:
		s.accepted[key] = false
	case t.action == "sign" && rq.http.Method == http.MethodPost:
		s.accepted[key] = true
	case t.action != "":
		return s.refuseMethod(rq)
	case rq.http.Method == http.MethodPut:
		body, err := parseObject(rq.body)
		if err != nil {
			return rq.gateway(http.StatusBadRequest, "InvalidRequestFormat", "Cannot parse the request.")
		}
		s.accepted[key] = body.obj("properties").flag("accepted")
	case rq.http.Method == http.MethodGet:
	default:
		return s.refuseMethod(rq)
	}
	parts := strings.Split(t.name, "/")
	return rq.ok(http.StatusOK, encode(object{
		{"id", "/subscriptions/" + t.sub + "/providers/Microsoft.MarketplaceOrdering/offerTypes/Microsoft.MarketplaceOrdering/offertypes/publishers/" + parts[0] + "/offers/" + parts[1] + "/plans/" + parts[2] + "/agreements/current"},
		{"name", parts[2]}, {"type", "Microsoft.MarketplaceOrdering/offertypes"},
		{"properties", object{
			{"publisher", parts[0]}, {"product", parts[1]}, {"plan", parts[2]}, {"licenseTextLink", "https://mpcprodsa.blob.core.windows.net/legalterms/" + parts[2] + ".txt"},
			{"privacyPolicyLink", "https://www.cisco.com/c/en/us/about/legal/privacy-full.html"}, {"retrieveDatetime", rq.now.UTC().Format("2006-01-02T15:04:05.0000000Z")},
			{"signature", strings.ToUpper(s.guid()[:8])}, {"accepted", s.accepted[key]},
		}},
	}))
}

// termsMissing refuses a plan whose terms were not accepted.
func (s *Sim) termsMissing(rq *request, plan object) *reply {
	if s.accepted[lower(rq.target.sub+"/"+plan.str("publisher")+"/"+plan.str("product")+"/"+plan.str("name"))] {
		return nil
	}
	return rq.invalid("MarketplacePurchaseEligibilityFailed", "Marketplace purchase eligibilty check returned errors. See inner errors for details. You have not accepted the legal terms on this subscription: '"+
		rq.target.sub+"' for this plan. Before the subscription can be used, you need to accept the legal terms of the image.")
}
