/** What keys and values of labels may look like (apimachinery, util/validation); faults in Kubernetes' words. */
const part = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const subdomain = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';
const partPattern = new RegExp(`^${part}$`);
const valuePattern = new RegExp(`^(${part})?$`);
const subdomainPattern = new RegExp(`^${subdomain}$`);

const form = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const partForm = `${form} (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '${part}')`;
const prefixForm =
  "prefix part a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with " +
  `an alphanumeric character (e.g. 'example.com', regex used for validation is '${subdomain}')`;
const valueForm =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an " +
  `alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(${part})?')`;

export function labelKeyFaults(key: string): string[] {
  const slash = key.indexOf('/');
  if (slash !== key.lastIndexOf('/')) {
    return [`a qualified name ${partForm} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  const faults: string[] = [];
  const prefix = key.slice(0, Math.max(slash, 0));
  if (slash === 0) faults.push('prefix part must be non-empty');
  if (prefix.length > 253) faults.push('prefix part must be no more than 253 characters');
  if (slash > 0 && !subdomainPattern.test(prefix)) faults.push(prefixForm);
  const name = key.slice(slash + 1);
  if (name === '') faults.push('name part must be non-empty');
  else if (name.length > 63) faults.push('name part must be no more than 63 characters');
  if (!partPattern.test(name)) faults.push(`name part ${partForm}`);
  return faults;
}

export function labelValueFaults(value: string): string[] {
  const faults = value.length > 63 ? ['must be no more than 63 characters'] : [];
  if (!valuePattern.test(value)) faults.push(valueForm);
  return faults;
}
