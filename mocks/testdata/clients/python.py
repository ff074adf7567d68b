"""Searches and retrieves with the standard library of Python."""

import base64
import http.client
import json
import os
import ssl
import time
import urllib.parse
import uuid

SUITES = (
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-SHA"
)
ENV = os.environ


def context():
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # verifies chain and name
    c.minimum_version = c.maximum_version = ssl.TLSVersion.TLSv1_2
    c.set_ciphers(SUITES)
    c.load_verify_locations(ENV["NRL_CA"])
    c.load_cert_chain(ENV["NRL_CERT"], ENV["NRL_KEY"])
    return c


def token(aud, scope):
    """A new Spine JWT: unsigned, unpadded, with the last dot."""
    now = int(time.time())
    user = "https://fhir.nhs.uk/Id/sds-role-profile-id|" + ENV["NRL_USER"]
    claims = {
        "iss": "https://client.example.nhs.uk",
        "sub": user,
        "aud": aud,
        "iat": now,
        "exp": now + 300,
        "reason_for_request": "directcare",
        "scope": scope,
        "requesting_system": "https://fhir.nhs.uk/Id/accredited-system|" + ENV["NRL_ASID"],
        "requesting_organization": "https://fhir.nhs.uk/Id/ods-organization-code|" + ENV["NRL_ODS"],
        "requesting_user": user,
    }
    parts = [json.dumps(part).encode() for part in ({"alg": "none", "typ": "JWT"}, claims)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


def get(base, path, headers, tls):
    connection = http.client.HTTPSConnection(base.hostname, base.port, context=tls, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise SystemExit(f"status {response.status}")
    return body


def main():
    tls = context()
    nrl, ssp = urllib.parse.urlsplit(ENV["NRL_NRL_URL"]), urllib.parse.urlsplit(ENV["NRL_SSP_URL"])
    subject = "https://demographics.spineservices.nhs.uk/STU3/Patient/" + ENV["PATIENT"]
    found = json.loads(
        get(
            nrl,
            nrl.path + "/DocumentReference?subject=" + urllib.parse.quote(subject, safe=""),
            {
                "Authorization": "Bearer " + token(f"{nrl.scheme}://{nrl.netloc}", "patient/DocumentReference.read"),
                "fromASID": ENV["NRL_ASID"],
                "toASID": ENV["NRL_SPINE_ASID"],
                "Accept": "application/fhir+json",
            },
            tls,
        )
    )
    for entry in found.get("entry", []):
        pointer = entry["resource"]
        if pointer["subject"]["reference"] != subject or pointer["status"] != "current":
            raise SystemExit("a pointer that must not be shown")
        print("pointer", pointer["id"])
        for content in pointer["content"]:
            if content["format"]["code"] == "urn:nhs-ic:record-contact":
                continue
            url = content["attachment"]["url"]
            provider = urllib.parse.urlsplit(url)
            record = get(
                ssp,
                "/" + urllib.parse.quote(url.replace(" ", "%20"), safe=""),
                {
                    "Authorization": "Bearer " + token(f"{provider.scheme}://{provider.netloc}", "patient/*.read"),
                    "Ssp-TraceID": str(uuid.uuid4()),
                    "Ssp-From": ENV["NRL_ASID"],
                    "Ssp-To": ENV["NRL_TO_ASID"],
                    "Ssp-InteractionID": "urn:nhs:names:services:nrl:DocumentReference.content.read",
                },
                tls,
            )
            print("record", record.decode())


main()
