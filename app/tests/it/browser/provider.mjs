// A certified OpenID provider. Everyone may log in under any name; `ann` is in a group.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const { secret, redirect } = JSON.parse(process.argv[1]);
const groups = { ann: ['users', 'family'], op: ['operators'] };
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{ client_id: 'myhealth', client_secret: secret, redirect_uris: [redirect] }],
    pkce: { required: () => true },
    scopes: ['openid', 'profile', 'email', 'groups'],
    claims: { openid: ['sub'], profile: ['preferred_username'], email: ['email', 'email_verified'], groups: ['groups'] },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, email: `${id}@example.org`, email_verified: true, groups: groups[id] ?? [] }),
    }),
  });
  server.on('request', provider.callback());
  console.log(`issuer ${issuer}/`);
});
