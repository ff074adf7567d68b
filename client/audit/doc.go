// Package audit has ready sinks for the audit trail that a consumer MUST keep
// (NRL audit page), and a reader of what they keep.
//
// [OpenFile] is the sink for production: a file of JSON lines, each durable
// before the request is sent or the answer handed out. [Memory] is for tests.
// [Read] goes through a trail line by line and reports every damaged one.
//
// The package keeps; it does not rotate, encrypt, ship or delete. The trail
// holds patients' identifiers and, for search and read, the answers
// themselves: keep it where patients' data may be kept, for as long as policy
// says.
//
// # The line
//
// A line is one JSON object, UTF-8, ended by a line feed. Its members are
// strings but for the numbers v, attempt, status and bytes. A member without a
// value is left out, so that no member is empty but body; v, kind, call_id,
// time, service and user are always there.
//
//	member               holds
//	v                    version of this table, 1
//	kind                 request or response (both per attempt), or end (per call)
//	call_id              joins the lines of a call
//	attempt              1 for the first; on an end line, how many there were
//	time                 request, end: when written; response: when received.
//	                     RFC 3339, UTC, nine decimals: texts sort as times do
//	op                   search, read, count, retrieve or contact
//	service              NRL, SSP or public
//	action               view pointer, view record or view contact details
//	from_asid            the consumer system's ASID
//	ods_code             the organisation of the originating user
//	user                 professional, citizen, delegate or unattended
//	user_id              a professional's SDS role profile id
//	citizen_nhs_number   the citizen who asks, or for whom the delegate asks
//	delegate_nhs_number  the delegate
//	to_asid              the ASID of Spine, or of the provider
//	verb                 the HTTP method
//	url                  the URL of the request, as sent
//	record_url           the URL of the record, as the pointer has it
//	nhs_number           the patient concerned; on the response of a read, the
//	                     returned subject
//	pointer_id           the pointer's logical id
//	trace_id             the trace id of the attempt
//	engine               the TLS engine that served
//	tls_version          such as TLS 1.2
//	cipher_suite         its name
//	note                 decisions such as revocation switched off
//	status               the HTTP status; left out when no answer came
//	body                 the body, where it is kept and is UTF-8
//	body_base64          the body, where it is not UTF-8
//	bytes                body bytes handed out; left out when 0
//	outcome              ok, or what went wrong
//
// Which attribute is kept when is decided by package spine. A release may add
// members, and [Read] of an older one then refuses the line.
package audit
