// Searches and retrieves with the standard library of Node.
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';

const env = process.env;
const agent = new Agent({
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.2',
  ciphers:
    'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256:' +
    'ECDHE-RSA-AES256-SHA384:DHE-RSA-AES256-SHA256:DHE-RSA-AES256-SHA:ECDHE-RSA-AES256-SHA',
  ca: readFileSync(env.NRL_CA), // verifies chain and name
  cert: readFileSync(env.NRL_CERT),
  key: readFileSync(env.NRL_KEY),
  keepAlive: true,
});

// escape leaves only the unreserved characters of RFC 3986.
const escape = (s) => encodeURIComponent(s).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

// token is a new Spine JWT: unsigned, unpadded, with the last dot.
function token(aud, scope) {
  const now = Math.floor(Date.now() / 1000);
  const user = `https://fhir.nhs.uk/Id/sds-role-profile-id|${env.NRL_USER}`;
  const claims = {
    iss: 'https://client.example.nhs.uk',
    sub: user,
    aud,
    iat: now,
    exp: now + 300,
    reason_for_request: 'directcare',
    scope,
    requesting_system: `https://fhir.nhs.uk/Id/accredited-system|${env.NRL_ASID}`,
    requesting_organization: `https://fhir.nhs.uk/Id/ods-organization-code|${env.NRL_ODS}`,
    requesting_user: user,
  };
  const part = (o) => Buffer.from(JSON.stringify(o)).toString('base64url');
  return `${part({ alg: 'none', typ: 'JWT' })}.${part(claims)}.`;
}

function get(base, path, headers) {
  return new Promise((resolve, reject) => {
    const r = request({ agent, hostname: base.hostname, port: base.port, path, headers }, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`status ${response.statusCode}`));
        else resolve(Buffer.concat(chunks).toString());
      });
    });
    r.on('error', reject);
    r.end();
  });
}

const nrl = new URL(env.NRL_NRL_URL);
const ssp = new URL(env.NRL_SSP_URL);
const subject = `https://demographics.spineservices.nhs.uk/STU3/Patient/${env.PATIENT}`;
const found = JSON.parse(
  await get(nrl, `${nrl.pathname}/DocumentReference?subject=${escape(subject)}`, {
    Authorization: `Bearer ${token(nrl.origin, 'patient/DocumentReference.read')}`,
    fromASID: env.NRL_ASID,
    toASID: env.NRL_SPINE_ASID,
    Accept: 'application/fhir+json',
  }),
);
for (const { resource: pointer } of found.entry ?? []) {
  if (pointer.subject.reference !== subject || pointer.status !== 'current') throw new Error('a pointer that must not be shown');
  console.log('pointer', pointer.id);
  for (const { attachment, format } of pointer.content) {
    if (format.code === 'urn:nhs-ic:record-contact') continue;
    const record = await get(ssp, '/' + escape(attachment.url.replaceAll(' ', '%20')), {
      Authorization: `Bearer ${token(new URL(attachment.url).origin, 'patient/*.read')}`,
      'Ssp-TraceID': randomUUID(),
      'Ssp-From': env.NRL_ASID,
      'Ssp-To': env.NRL_TO_ASID,
      'Ssp-InteractionID': 'urn:nhs:names:services:nrl:DocumentReference.content.read',
    });
    console.log('record', record);
  }
}
agent.destroy();
