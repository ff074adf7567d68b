package mocks

// duty is a rule for consumers of which traffic can show something; zero is
// none.
type duty uint8

const (
	dutyTLSVersion duty = iota + 1
	dutyTLSSuites
	dutyTLSOrder
	dutyTLSAll
	dutyClientCert
	dutyServerValidity
	dutyServerName
	dutyServerChain
	dutyServerRevoked
	dutyNRLGet
	dutyNRLHeaders
	dutyNRLTo
	dutyNRLPermission
	dutyNRLAccept
	dutyNRLParameters
	dutyNRLEncoding
	dutyNHSNumber
	dutyNRLOnly
	dutyBearer
	dutyJWTForm
	dutyJWTTimes
	dutyJWTIssuer
	dutyJWTAudience
	dutyJWTScope
	dutyJWTSystem
	dutyJWTOrganisation
	dutyJWTParty
	dutyJWTDelegate
	dutyJWTClaims
	dutyJWTFresh
	dutySSPGet
	dutySSPURL
	dutySSPHeaders
	dutySSPTrace
	dutySSPTraceFresh
	dutySSPInteraction
	dutySSPFrom
	dutySSPTo
	dutySSPOnly
	dutySSPIdentity
	dutyContactDirect
	dutyContactBare
	dutyNoAmbient
	dutyRetryLimit
	dutyRetryBackOff
	dutyRetryAfter
	dutyRetryTransient
	dutyRedirect
	dutyNextPage
	dutyWrongPatient
	dutyNotCurrent
	dutyEnd // behind the last
)

// dutyText says what a duty is: its id and words in a report, and the page
// that it comes from.
type dutyText struct{ id, rule, page string }

var duties = [dutyEnd]dutyText{
	dutyTLSVersion:     {"tls-version", "TLS 1.2 is offered and no other version", "security page, rule 1"},
	dutyTLSSuites:      {"tls-suites", "No cipher suite outside the list of eight is offered", "security page, rule 2"},
	dutyTLSOrder:       {"tls-order", "The suites are offered in the order of the list", "security page, rule 2"},
	dutyTLSAll:         {"tls-all-suites", "All eight cipher suites are offered", "security page, rule 2"},
	dutyClientCert:     {"client-certificate", "A client certificate of the Spine PKI is presented, valid and not revoked", "security page, rule 3"},
	dutyServerValidity: {"server-validity", "A server certificate that expired or is not yet valid is refused", "security page, rule 3"},
	dutyServerName:     {"server-name", "A server certificate of another host is refused", "security page, rule 3"},
	dutyServerChain:    {"server-chain", "A server certificate outside the Spine PKI, or with a weak key, is refused", "security page, rule 3"},
	dutyServerRevoked:  {"server-revoked", "A revoked server certificate is refused", "security page, rule 3"},

	dutyNRLGet:        {"nrl-get", "The NRL is asked by GET, on a documented path, without a body", "NRL search and read pages"},
	dutyNRLHeaders:    {"nrl-asid-headers", "fromASID and toASID are sent once each, spelled so", "NRL search and read pages"},
	dutyNRLTo:         {"nrl-to-asid", "toASID is that of the Spine", "NRL search and read pages"},
	dutyNRLPermission: {"nrl-permission", "fromASID is the one issued for the requesting organisation", "NRL search and read pages"},
	dutyNRLAccept:     {"nrl-accept", "A known representation is asked for, by Accept or _format", "NRL search and read pages"},
	dutyNRLParameters: {"nrl-parameters", "The parameters are documented ones, once each and in a documented combination", "NRL search and read pages"},
	dutyNRLEncoding:   {"nrl-encoding", "The values of parameters are percent-encoded", "NRL search page"},
	dutyNHSNumber:     {"nhs-number", "NHS numbers have ten digits and a check digit that is right", "NRL search page"},
	dutyNRLOnly:       {"nrl-no-ssp-header", "No Ssp header is sent to the NRL", "NRL search and read pages"},

	dutyBearer:          {"jwt-bearer", "A Spine JWT is sent as bearer token in one Authorization header", "JWT page"},
	dutyJWTForm:         {"jwt-form", "The JWT is unsigned and unpadded, with the last dot", "JWT page"},
	dutyJWTTimes:        {"jwt-times", "iat is not in the future, and exp is iat + 300 s and to come", "JWT page"},
	dutyJWTIssuer:       {"jwt-issuer", "iss is a URL", "JWT page"},
	dutyJWTAudience:     {"jwt-audience", "aud is that of the service", "JWT page"},
	dutyJWTScope:        {"jwt-scope", "scope is that of the interaction", "JWT page"},
	dutyJWTSystem:       {"jwt-system", "requesting_system is the ASID of the header", "JWT page"},
	dutyJWTOrganisation: {"jwt-organisation", "requesting_organization is an ODS code in its system", "JWT page"},
	dutyJWTParty:        {"jwt-user", "A professional or a citizen asks, with the sub and reason_for_request that belong to it", "JWT page"},
	dutyJWTDelegate:     {"jwt-delegate", "act is the delegate of a citizen", "JWT page"},
	dutyJWTClaims:       {"jwt-claims", "The JWT has no unknown claim", "JWT page"},
	dutyJWTFresh:        {"jwt-fresh", "Each request, a retry too, has a JWT of its own", "JWT page"},

	dutySSPGet:         {"ssp-get", "The SSP is asked by GET, without a body", "SSP page"},
	dutySSPURL:         {"ssp-url", "The provider's URL is percent-encoded once behind that of the SSP", "SSP page"},
	dutySSPHeaders:     {"ssp-headers", "The four Ssp headers are sent once each", "SSP page"},
	dutySSPTrace:       {"ssp-trace", "Ssp-TraceID is a UUID", "SSP page"},
	dutySSPTraceFresh:  {"ssp-trace-fresh", "Each request, a retry too, has a trace id of its own", "SSP page"},
	dutySSPInteraction: {"ssp-interaction", "Ssp-InteractionID is that of reading a record", "SSP page"},
	dutySSPFrom:        {"ssp-from", "Ssp-From is the ASID issued for the requesting organisation", "SSP page"},
	dutySSPTo:          {"ssp-to", "Ssp-To is the ASID of the record's provider", "SSP page"},
	dutySSPOnly:        {"ssp-no-other-header", "No other header is sent to the SSP, Accept among them", "SSP page"},
	dutySSPIdentity:    {"ssp-identity", "No compression is asked for", "SSP page"},
	dutyContactDirect:  {"contact-direct", "Contact pages are called directly, not through the SSP", "SSP page"},
	dutyContactBare:    {"contact-bare", "Contact pages get no client certificate, JWT or Spine header", "SSP page"},

	dutyNoAmbient:      {"no-cookies", "No Cookie and no Referer is sent", "sensitive data page"},
	dutyRetryLimit:     {"retry-limit", "A request is retried at most three times", "SSP page"},
	dutyRetryBackOff:   {"retry-back-off", "Retries are spread by a back-off", "SSP page"},
	dutyRetryAfter:     {"retry-after", "Retry-After is honoured", "SSP page; RFC 9110, section 10.2.3"},
	dutyRetryTransient: {"retry-transient", "Only transient failures are retried", "SSP page"},
	dutyRedirect:       {"no-redirect", "Redirects are not followed", "sensitive data page"},
	dutyNextPage:       {"no-next-page", "A next page on another origin is not asked for", "NRL search page"},
	dutyWrongPatient:   {"wrong-patient", "The record of a pointer of another patient is not asked for", "safety page, hazard NRL08"},
	dutyNotCurrent:     {"not-current", "The record of a pointer that is not current is not asked for", "safety page, hazards NRL05 and NRL06"},
}

// unseen are duties that no traffic shows: an assessor needs other evidence.
var unseen = []dutyText{
	{"audit", "Each request and response is kept in an audit trail", "audit page"},
	{"authentication", "The user is authenticated, and role-based access control applied", "safety page, access"},
	{"tracing", "NHS numbers are traced and verified with PDS or the Spine Mini Service", "NRL search page"},
	{"display", "What a list lacks is said, and no conclusion is drawn from a type", "safety page, hazards NRL01 to NRL04"},
	{"no-store", "Pointers and records are neither cached nor stored", "safety page, hazard NRL09"},
	{"secrecy", "Logs, errors and file names hold no NHS number, JWT, key or record", "sensitive data page"},
}
