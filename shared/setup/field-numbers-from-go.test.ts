import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

type Types = object;
const { readTypes, tableOf } = (await import(join(dirname(fileURLToPath(import.meta.url)), 'field-numbers-from-go.mjs'))) as {
  readTypes(source: string): Types;
  tableOf(packages: ReadonlyMap<string, Types>): string;
};

const meta = [
  'type TypeMeta struct {',
  '}',
  'type ObjectMeta struct {',
  '\tName string `json:"name,omitempty" protobuf:"bytes,1,opt,name=name"`',
  '\tLabels map[string]string `json:"labels,omitempty" protobuf:"bytes,11,rep,name=labels"`',
  '}',
  ...['DeleteOptions', 'ListMeta', 'PartialObjectMetadata', 'Status', 'WatchEvent'].flatMap((name) => [
    `type ${name} struct {`,
    '\tA *int64 `json:"a" protobuf:"varint,1,opt,name=a"`',
    '}',
  ]),
].join('\n');

const core = `
// Words is not in the table: it is told where it is used.
type Words []string

type List map[Name]resource.Quantity

type Name string

type Thing struct {
	metav1.TypeMeta \`json:",inline"\`
	// A comment.
	metav1.ObjectMeta \`json:"metadata,omitempty" protobuf:"bytes,1,opt,name=metadata"\`
	Part \`json:",inline" protobuf:"bytes,5,opt,name=part"\`
	Count *int32 \`json:"count,omitempty" protobuf:"varint,2,opt,name=count"\`
	Limits List \`json:"limits" protobuf:"bytes,3,rep,name=limits"\`
	Parts []Part \`json:"parts" protobuf:"bytes,4,rep,name=parts"\`
	Data map[string][]byte \`json:"data" protobuf:"bytes,6,rep,name=data"\`
	Extra map[string]Words \`json:"extra" protobuf:"bytes,7,rep,name=extra"\`
	hidden int
}

type Part struct {
	At metav1.Time \`json:"at" protobuf:"bytes,1,opt,name=at"\`
	Kind Name \`json:"kind" protobuf:"bytes,2,opt,name=kind,casttype=Name"\`
}

type Unused struct {
	At metav1.Time \`json:"at" protobuf:"bytes,1,opt,name=at"\`
}
`;

test('the table of field numbers is read from struct tags', () => {
  const packages = new Map([
    ['meta', readTypes(meta)],
    ['core', readTypes(core)],
  ]);
  expect(tableOf(packages).split('\n')).toEqual([
    'core.Part at=1t kind=2s',
    'core.Thing metadata=1:meta.ObjectMeta count?=2i limits=3%q parts=4*:Part .=5:Part data=6%y extra=7%v',
    'meta.DeleteOptions a?=1l',
    'meta.ListMeta a?=1l',
    'meta.ObjectMeta name=1s labels=11%s',
    'meta.PartialObjectMetadata a?=1l',
    'meta.Status a?=1l',
    'meta.WatchEvent a?=1l',
  ]);
});

test('a struct that is nowhere is told', () => {
  const packages = new Map([['meta', readTypes(meta.replace('ListMeta', 'Other'))]]);
  expect(() => tableOf(packages)).toThrow('there is no struct meta.ListMeta');
});
