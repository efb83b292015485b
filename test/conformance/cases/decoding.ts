import { topic } from '../exchange.ts';

const start = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"}';

/** Bodies as text: JSON that is not as it should be. */
const bodies: Record<string, string> = {
  'no body': '',
  'a space': ' ',
  'no JSON': 'hello',
  'half of an object': '{"apiVersion":"v1",',
  'text after the object': `${start}} x`,
  'two objects': `${start}}${start}}`,
  'a list': '[]',
  'a number': '5',
  'a text': '"text"',
  true: 'true',
  null: 'null',
  'an empty object': '{}',
  'no kind': '{"apiVersion":"v1","metadata":{"name":"d"}}',
  'no apiVersion': '{"kind":"ConfigMap","metadata":{"name":"d"}}',
  'another kind': '{"apiVersion":"v1","kind":"Secret","metadata":{"name":"d"}}',
  'a kind that is not known': '{"apiVersion":"v1","kind":"Nonsense","metadata":{"name":"d"}}',
  'a version that is not known': '{"apiVersion":"v7","kind":"ConfigMap","metadata":{"name":"d"}}',
  'a group that is not known': '{"apiVersion":"example.com/v1","kind":"ConfigMap","metadata":{"name":"d"}}',
  'another group': '{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"}}',
  'a version with two slashes': '{"apiVersion":"a/b/c","kind":"ConfigMap","metadata":{"name":"d"}}',
  'a number as kind': '{"apiVersion":"v1","kind":5,"metadata":{"name":"d"}}',
  'a list as apiVersion': '{"apiVersion":[],"kind":"ConfigMap","metadata":{"name":"d"}}',
  'the kind in lower case': '{"apiVersion":"v1","kind":"configmap","metadata":{"name":"d"}}',
  'a list kind': '{"apiVersion":"v1","kind":"ConfigMapList","items":[]}',
  'a number as metadata': '{"apiVersion":"v1","kind":"ConfigMap","metadata":5}',
  'null as metadata': '{"apiVersion":"v1","kind":"ConfigMap","metadata":null}',
  'a number as name': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":5}}',
  'a text as labels': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","labels":"x"}}',
  'a number as label': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","labels":{"a":1}}}',
  'a bad time': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","creationTimestamp":"yesterday"}}',
  'a text as generation': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":"1"}}',
  'a fraction as generation': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":1.5}}',
  'a large generation': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":9007199254740993}}',
  'a generation beyond int64': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":9223372036854775808}}',
  'an exponent as generation': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":1e2}}',
  'a trailing comma': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},}',
  'single quotes': "{'apiVersion':'v1'}",
  'a comment': `${start}/* x */}`,
  'a tab in a text': `${start},"data":{"a":"b\tc"}}`,
  'a bad escape': `${start},"data":{"a":"\\x"}}`,
  'half a surrogate pair': `${start},"data":{"a":"\\ud800"}}`,
  'the prototype as key': `${start},"data":{"__proto__":"a","constructor":"b"}}`,
  'the prototype as field': `${start},"__proto__":{"a":1}}`,
  NaN: `${start},"immutable":NaN}`,
  'a large exponent': `${start},"data":{"a":1e999}}`,
  'a leading zero': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","generation":01}}',
  'a byte order mark': `\ufeff${start}}`,
  'the name of a field in capitals': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d"},"Data":{"a":"b"}}',
};

/** Bodies whose fields are not those of the schema, under every fieldValidation. */
const strict: Record<string, string> = {
  'an unknown field': `${start},"wrong":1}`,
  'an unknown field within': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","wrong":{"a":1}}}',
  'three unknown fields': `${start},"b":1,"a":2,"c":{"d":1}}`,
  'a field twice': `${start},"immutable":true,"immutable":true}`,
  'a field twice within': '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"d","name":"d"}}',
  'a key twice': `${start},"data":{"a":"1","a":"2"}}`,
  'a field thrice': `${start},"data":{"a":"1","a":"2","a":"3"}}`,
  'unknown and twice': `${start},"wrong":1,"data":{"a":"1","a":"2"}}`,
  'the kind twice': '{"apiVersion":"v1","kind":"ConfigMap","kind":"ConfigMap","metadata":{"name":"d"}}',
  'an unknown field twice': `${start},"wrong":1,"wrong":2}`,
};

const pod = (spec: string): string => `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":${spec}}`;
const pods: Record<string, string> = {
  'unknown in a container': pod('{"containers":[{"name":"a","image":"b"},{"name":"c","image":"d","imagee":"e"}]}'),
  'unknown at several depths': pod('{"nonsense":1,"containers":[{"name":"a","image":"b","env":[{"name":"A","valeu":"1"}]}]}'),
  'twice in a container': pod('{"containers":[{"name":"a","image":"b","image":"c"}]}'),
  'a number as image': pod('{"containers":[{"name":"a","image":5}]}'),
  'a text as port': pod('{"containers":[{"name":"a","image":"b","ports":[{"containerPort":"80"}]}]}'),
  'a text as boolean': pod('{"hostNetwork":"yes","containers":[{"name":"a","image":"b"}]}'),
  'an object as containers': pod('{"containers":{}}'),
  'null in containers': pod('{"containers":[null]}'),
  'a text in containers': pod('{"containers":["a"]}'),
  'a bad quantity': pod('{"containers":[{"name":"a","image":"b","resources":{"limits":{"cpu":"many"}}}]}'),
  'a quantity as number': pod('{"containers":[{"name":"a","image":"b","resources":{"limits":{"cpu":1.5}}}]}'),
  'a boolean as quantity': pod('{"containers":[{"name":"a","image":"b","resources":{"limits":{"cpu":true}}}]}'),
  'a port beyond int32': pod('{"containers":[{"name":"a","image":"b","ports":[{"containerPort":3000000000}]}]}'),
  'a fraction as port': pod('{"containers":[{"name":"a","image":"b","ports":[{"containerPort":1.5}]}]}'),
  'an object as probe port': pod('{"containers":[{"name":"a","image":"b","livenessProbe":{"httpGet":{"port":{}}}}]}'),
};

const yaml: Record<string, string> = {
  'an object': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\ndata:\n  a: "1"\n',
  'a number as value': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\ndata:\n  a: 1\n',
  'an unknown field': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\nwrong: 1\n',
  'a field twice': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\ndata:\n  a: "1"\n  a: "2"\n',
  'no YAML': 'a: b: c\n',
  'a tab': 'apiVersion: v1\n\tkind: ConfigMap\n',
  'an anchor': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: &n d\ndata:\n  a: *n\n',
  'two documents': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\n---\na: b\n',
  'a text': 'hello\n',
  'the word no': 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: d\nimmutable: no\n',
  JSON: `${start}}`,
};

export const decoding = topic('decoding', (t) => {
  const all = t.path('configmaps');
  for (const [name, body] of Object.entries(bodies)) t.post(`body: ${name}`, `${all}?dryRun=All`, body);
  for (const [name, body] of Object.entries(strict)) {
    for (const validation of ['', 'Strict', 'Warn', 'Ignore']) {
      t.post(`${validation || 'default'}: ${name}`, `${all}?dryRun=All${validation && `&fieldValidation=${validation}`}`, body);
    }
  }
  for (const [name, body] of Object.entries(pods)) {
    for (const validation of ['Strict', 'Warn']) {
      t.post(`${validation}, pod: ${name}`, `${t.path('pods')}?dryRun=All&fieldValidation=${validation}`, body);
    }
  }
  for (const [name, body] of Object.entries(yaml)) {
    for (const validation of ['Strict', 'Warn']) {
      const headers = { 'content-type': 'application/yaml' };
      t.post(`${validation}, YAML: ${name}`, `${all}?dryRun=All&fieldValidation=${validation}`, body, { headers });
    }
  }
  const types = [
    'text/plain',
    'application/xml',
    'application/x-www-form-urlencoded',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'json',
    '*/*',
  ];
  for (const type of types) t.post(`content type ${type}`, `${all}?dryRun=All`, `${start}}`, { headers: { 'content-type': type } });
  for (const accept of [
    'text/plain',
    'text/html',
    'application/xml, application/json;q=0.5',
    '*/*',
    'application/*',
    'application/json;as=Table;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v2;g=meta.k8s.io',
    'application/json;as=Nonsense;v=v1;g=meta.k8s.io',
    'application/json;as=Table;v=v1;g=example.com, application/json',
    'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'application/json;stream=watch',
    'application/json;pretty=1',
  ]) {
    t.post(`accept ${accept}`, `${all}?dryRun=All`, `${start}}`, { headers: { accept } });
  }
  t.post('before patches', all, `${start},"data":{"a":"1"}}`);
  for (const validation of ['', 'Strict', 'Warn', 'Ignore']) {
    const query = `dryRun=All${validation && `&fieldValidation=${validation}`}`;
    const of = `${t.path('configmaps', 'd')}?${query}`;
    t.put(`${validation || 'default'}: replace with unknown and twice`, of, `${start},"wrong":1,"data":{"a":"1","a":"2"}}`);
    t.patch(`${validation || 'default'}: merge patch with an unknown field`, of, 'merge', '{"wrong":1}');
    t.patch(`${validation || 'default'}: merge patch with a field twice`, of, 'merge', '{"data":{"a":"1","a":"2"}}');
    t.patch(`${validation || 'default'}: strategic patch with an unknown field`, of, 'strategic', '{"wrong":1}');
    t.patch(`${validation || 'default'}: strategic patch with a field twice`, of, 'strategic', '{"data":{"a":"1","a":"2"}}');
    t.patch(`${validation || 'default'}: JSON patch with an unknown field`, of, 'json', '[{"op":"add","path":"/wrong","value":1}]');
    t.patch(
      `${validation || 'default'}: JSON patch with a field twice`,
      of,
      'json',
      '[{"op":"add","op":"add","path":"/data/x","value":"1"}]',
    );
    t.patch(`${validation || 'default'}: apply with an unknown field`, `${of}&fieldManager=m&force=true`, 'apply', `${start},"wrong":1}`);
    t.patch(
      `${validation || 'default'}: apply with a field twice`,
      `${of}&fieldManager=m&force=true`,
      'apply',
      `${start},"data":{"a":"1","a":"2"}}`,
    );
  }
});
