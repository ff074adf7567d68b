#!/bin/sh
# Searches and retrieves with curl. It reads JSON by sed, which does for the
# mock's own answers and for no others.
set -eu

suites=ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256
suites=$suites:ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-SHA

base64url() { base64 | tr -d '\n=' | tr '+/' '-_'; }

# token AUD SCOPE is a new Spine JWT: unsigned, unpadded, with the last dot.
token() {
	now=$(date +%s)
	user="https://fhir.nhs.uk/Id/sds-role-profile-id|$NRL_USER"
	printf '{"alg":"none","typ":"JWT"}' | base64url
	printf .
	printf '{"iss":"https://client.example.nhs.uk","sub":"%s","aud":"%s","iat":%d,"exp":%d,"reason_for_request":"directcare","scope":"%s",' \
		"$user" "$1" "$now" $((now + 300)) "$2" >"$scratch/claims"
	printf '"requesting_system":"https://fhir.nhs.uk/Id/accredited-system|%s",' "$NRL_ASID" >>"$scratch/claims"
	printf '"requesting_organization":"https://fhir.nhs.uk/Id/ods-organization-code|%s","requesting_user":"%s"}' "$NRL_ODS" "$user" >>"$scratch/claims"
	base64url <"$scratch/claims"
	printf .
}

escape() { printf %s "$1" | sed -e 's/%/%25/g' -e 's/ /%2520/g' -e 's/:/%3A/g' -e 's|/|%2F|g' -e 's/?/%3F/g' -e 's/=/%3D/g' -e 's/&/%26/g' -e 's/#/%23/g' -e 's/+/%2B/g'; }

# get URL HEADER… follows no redirect and reads no .curlrc.
get() {
	url=$1
	shift
	for header; do printf 'header = "%s"\n' "$header"; done |
		curl -q --silent --show-error --fail --tlsv1.2 --tls-max 1.2 --ciphers "$suites" --http1.1 --no-alpn --path-as-is \
			--cacert "$NRL_CA" --cert "$NRL_CERT" --key "$NRL_KEY" --config - "$url"
}

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

subject=$(escape "https://demographics.spineservices.nhs.uk/STU3/Patient/$PATIENT")
get "$NRL_NRL_URL/DocumentReference?subject=$subject" "Authorization: Bearer $(token "${NRL_NRL_URL%/STU3}" patient/DocumentReference.read)" \
	"fromASID: $NRL_ASID" "toASID: $NRL_SPINE_ASID" 'Accept: application/fhir+json' >"$scratch/found"

sed 's/"resourceType":"DocumentReference",/\
&/g' "$scratch/found" | sed -n 's/^"resourceType":"DocumentReference","id":"\([^"]*\)".*"attachment":{[^}]*"url":"\([^"]*\)".*"format":{[^}]*"code":"\([^"]*\)".*/\1\t\3\t\2/p' >"$scratch/pointers"
tab=$(printf '\t')
while IFS=$tab read -r id format url || [ -n "$id" ]; do
	echo "pointer $id"
	[ "$format" != urn:nhs-ic:record-contact ] || continue
	rest=${url#https://}
	printf 'record '
	get "$NRL_SSP_URL/$(escape "$url")" "Authorization: Bearer $(token "https://${rest%%/*}" 'patient/*.read')" \
		"Ssp-TraceID: $(cat /proc/sys/kernel/random/uuid)" "Ssp-From: $NRL_ASID" "Ssp-To: $NRL_TO_ASID" \
		'Ssp-InteractionID: urn:nhs:names:services:nrl:DocumentReference.content.read' 'Accept:'
	echo
done <"$scratch/pointers"
