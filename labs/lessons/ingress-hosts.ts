import type { LessonSpec } from 'cnilab';

/** Asks the door for a host and a path, and prints the status. */
const ask = (host: string, path: string): string =>
  `node -e "require('http').get({host:'203.0.113.3',path:'${path}',headers:{Host:'${host}'},timeout:3000},(r)=>{console.log(r.statusCode);r.resume()}).on('error',(e)=>console.log(e.code))"`;

/** Serves on port 8080 for as long as it takes to ask the door for a host and a path, and prints what comes back. */
const serveAndAsk = (name: string, host: string, path: string): string =>
  `node -e "const h=require('http');h.createServer((q,r)=>r.end('${name} was asked for '+q.headers.host+q.url+' by '+q.headers['x-forwarded-for']+'\\n')).listen(8080,()=>h.get({host:'203.0.113.3',path:'${path}',headers:{Host:'${host}'},timeout:8000},(r)=>{console.log(r.statusCode);r.pipe(process.stdout);r.on('end',()=>process.exit())}).on('error',(e)=>{console.log(e.code);process.exit()}))"`;

const SHOP = 'shop-c8fa1c2d73';
const BLOG = 'blog-c9ae1e8036';
const SWAP = "sed -i 's/shop.example/tmp.example/; s/blog.example/shop.example/; s/tmp.example/blog.example/' nginx.conf";

export const lesson: LessonSpec = {
  title: 'Ingress: one address, many names',
  topic: 'ingress',
  level: 'first',
  order: 1,
  goal: [
    'A Service works with addresses and ports. Whoever has two web sites and one public address needs somebody who reads the request: which host, which path? That is an Ingress **controller**, a web server in a pod that watches the Ingress objects and turns them into its configuration.',
    'Here two host names lead to two Services through an nginx behind a load balancer. You read the configuration that the rules became, ask for names by hand, and meet a controller that forgot to reload.',
  ].join('\n'),
  notShown:
    'TLS and annotations, and a controller that watches an API: cnilab writes the configuration of an nginx and reloads it when the lab file changes. The pods of the Services run no program between verifications; here they serve only while a command asks.',
  look: [
    {
      title: 'What the rules became',
      text: 'Three servers: one for everything else, one for each host. On shop.example.com the path `/news` leads to the other Service; the longest path that matches wins, not the first. A real controller keeps this in `/etc/nginx/nginx.conf` of its own pod. Have the labs in a folder of your own (`cp -r node_modules/cnilab/labs .`), change a host or a path in `labs/ingress-hosts.ts`, `cnilab up labs/ingress-hosts.ts`, and look once more: nginx was reloaded, and nothing else was touched.',
      on: 'node2',
      run: "grep -hE 'server_name |location |proxy_pass |return' /run/cnilab/ingress/*/nginx.conf",
      shows: [
        'server_name _;',
        'location / {',
        'return 404;',
        'server_name shop.example.com;',
        'location /news/ {',
        'proxy_pass http://default.blog.http;',
        'location = /news {',
        'proxy_pass http://default.blog.http;',
        'location / {',
        'proxy_pass http://default.shop.80;',
        'server_name blog.example.com;',
        'location / {',
        'proxy_pass http://default.blog.80;',
      ],
    },
    {
      title: 'It goes past the Service',
      text: 'The backend of a rule is a Service, but the addresses are those of its **pods**: nginx balances by itself and may try another pod when one refuses. The Service only says who they are. kube-proxy has no part in it.',
      on: 'node2',
      run: "grep -hA 2 'upstream default.shop' /run/cnilab/ingress/*/nginx.conf",
      shows: ['upstream default.shop.80 {', 'server 10.244.1.2:8080 …;', 'server 10.244.0.2:8080 …;'],
    },
    {
      title: 'A name that no rule has',
      text: 'The address is the same for all names; the header `Host` of the request makes the difference. Nobody serves this one: 404, from nginx itself.',
      on: 'laptop',
      run: ask('nobody.example.com', '/'),
      shows: ['404'],
    },
    {
      title: 'A name that has one',
      text: 'The rule is found, the pods are asked, and none of them listens: 502. This is what it looks like when an application is down and its Ingress is well.',
      on: 'laptop',
      run: ask('shop.example.com', '/'),
      shows: ['502'],
    },
    {
      title: 'And with somebody at home',
      text: 'The same request while a pod of shop serves. nginx tried its pods until one answered, left the host name as it was, and told who asked.',
      on: SHOP,
      run: serveAndAsk('shop', 'shop.example.com', '/cart'),
      shows: ['200', 'shop was asked for shop.example.com/cart by …'],
    },
    {
      title: 'The news of the shop come from the blog',
      text: 'Same host, other path, other Service. The path arrives whole: nothing is cut off unless one asks for it.',
      on: BLOG,
      run: serveAndAsk('blog', 'shop.example.com', '/news/today'),
      shows: ['200', 'blog was asked for shop.example.com/news/today by …'],
    },
  ],
  checks: [
    {
      id: 'every-rule',
      type: 'verdict',
      says: 'every host and path leads to its Service, from pods, nodes and outside; the others lead nowhere',
      only: ['ingress'],
    },
    {
      id: 'outside-in',
      type: 'reach',
      says: 'the laptop reaches the door on port 80',
      from: 'laptop',
      to: '203.0.113.3',
      protocol: 'tcp',
      port: 80,
      responder: null,
      expect: 'answered',
    },
    {
      id: 'only-http',
      type: 'reach',
      says: 'no other port is led in: there is no way for it',
      from: 'laptop',
      to: '203.0.113.3',
      protocol: 'tcp',
      port: 3306,
      responder: null,
      expect: 'no-route',
    },
    { id: 'unknown-host', type: 'output', says: 'a host without a rule is not found', on: 'laptop', run: ask('nobody.example.com', '/'), shows: ['404'] },
    {
      id: 'shop',
      type: 'output',
      says: 'shop.example.com is answered by a pod of shop',
      on: SHOP,
      run: serveAndAsk('shop', 'shop.example.com', '/'),
      shows: ['200', 'shop was asked for shop.example.com/ by …'],
    },
    {
      id: 'blog',
      type: 'output',
      says: 'blog.example.com is answered by a pod of blog',
      on: BLOG,
      run: serveAndAsk('blog', 'blog.example.com', '/'),
      shows: ['200', 'blog was asked for blog.example.com/ by …'],
    },
  ],
  exercises: [
    {
      name: 'not-reloaded',
      title: 'The file is right',
      symptom:
        'Customers of shop.example.com see errors, or the blog. The Ingress was corrected an hour ago, and so was the configuration of nginx, as everybody can read.',
      see: { on: SHOP, run: serveAndAsk('shop', 'shop.example.com', '/') },
      break: [{ on: 'node2', run: `cd /run/cnilab/ingress/*/ && ${SWAP} && kill -HUP $(cat nginx.pid) && sleep 1 && ${SWAP}` }],
      hints: [
        'The file says one thing, the answers say another. Which of them does a running program obey?',
        'A controller works in four steps: watch the rules, write the configuration, test it, and one more.',
        'Reload nginx: send the signal HUP to the process in `nginx.pid`, in the folder of its configuration on node2.',
      ],
      solution: [{ on: 'node2', run: 'cd /run/cnilab/ingress/*/ && kill -HUP $(cat nginx.pid)' }],
      why: 'nginx reads its configuration when it starts and when it is told to. New rules need a reload, which starts new workers and lets the old ones finish, so that nobody is refused. (The addresses of pods change more often than rules: ingress-nginx took those over without one.)',
      checks: [
        {
          id: 'shop-again',
          type: 'output',
          says: 'shop.example.com is answered by a pod of shop',
          on: SHOP,
          run: serveAndAsk('shop', 'shop.example.com', '/'),
          shows: ['200', 'shop was asked for shop.example.com/ by …'],
          waitMs: 15_000,
        },
      ],
    },
    {
      name: 'nobody-at-the-door',
      title: 'All sites are down at once',
      symptom: 'Both names answer with *connection refused*. The pods of shop and blog are fine, and answer on their own addresses.',
      see: { on: 'laptop', run: ask('blog.example.com', '/') },
      break: [{ fault: 'closed-port' }],
      hints: [
        'What do the two sites have in common?',
        'Not 404 and not 502: nobody speaks HTTP at all. Who should listen on port 80, and where?',
        '`cnilab diagnose ingress-hosts` names the pod whose program has ended; `cnilab fault undo ingress-hosts` starts it.',
      ],
      solution: [{ undo: 'closed-port' }],
      why: 'One controller for all names is one thing to lose. Run several copies, and learn to read the answers: refused is the controller, 404 the rule, 502 and 503 the application.',
      checks: [
        { id: 'door-open', type: 'output', says: 'the door answers again', on: 'laptop', run: ask('nobody.example.com', '/'), shows: ['404'], waitMs: 15_000 },
      ],
    },
  ],
  today: [
    {
      claim: 'An Ingress is a proxy in front of Services.',
      truth:
        'Its controller asks the Services who their pods are, and sends requests to the pods. The API itself is frozen: it stays, and what is new goes into Gateway API.',
      source: 'https://kubernetes.io/docs/concepts/services-networking/ingress/',
    },
    {
      claim: 'The usual controllers are nginx and Traefik.',
      truth:
        "ingress-nginx, the one of the Kubernetes project, was retired in March 2026 and gets no more fixes. F5's NGINX Ingress Controller, Traefik and others go on; many also speak Gateway API.",
      source: 'https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/',
    },
    {
      claim: 'The controller writes `/etc/nginx.conf` in its pod.',
      truth: 'The file is `/etc/nginx/nginx.conf`.',
      source: 'https://kubernetes.github.io/ingress-nginx/how-it-works/',
    },
    {
      claim: 'After each change nginx is reloaded; that makes updates dynamic.',
      truth: 'Rules and certificates need a reload. In ingress-nginx new endpoints did not: a program inside of nginx was told of them.',
      source: 'https://kubernetes.github.io/ingress-nginx/how-it-works/#avoiding-reloads',
    },
  ],
};
