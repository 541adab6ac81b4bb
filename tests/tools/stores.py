"""What a browser holds of one origin, out and in again as JSON: every IndexedDB database, with its stores and keys, and local storage.

Owns the two scripts and their notation for what JSON lacks. A key that may not leave the browser can only be written out when the page
made it exportable from the start (`LOOSE_KEYS` before the app's own scripts); it is laid back as one that may not.
"""

from __future__ import annotations

# Run before the app: keys it makes may be written out. What the app stores and does is otherwise the same.
LOOSE_KEYS = """{
  const made = SubtleCrypto.prototype.generateKey;
  SubtleCrypto.prototype.generateKey = function (algorithm, _extractable, usages) { return made.call(this, algorithm, true, usages); };
}"""

_BASE64 = """
  const to_base64 = (bytes) => { let text = ''; for (const byte of bytes) text += String.fromCharCode(byte); return btoa(text); };
  const from_base64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const asked = (request) => new Promise((done, failed) => { request.onsuccess = () => done(request.result); request.onerror = () => failed(request.error); });
"""

# `async () => {local, databases: [{name, version, stores: [{name, keyPath, indexes, rows: [[key, value]]}]}]}`
DUMP = f"""async () => {{ {_BASE64}
  async function plain(value) {{
    if (value instanceof Uint8Array) return {{ $bytes: to_base64(value) }};
    if (value instanceof Blob) return {{ $blob: [value.type, to_base64(new Uint8Array(await value.arrayBuffer()))] }};
    if (value instanceof CryptoKey) {{
      const {{ name, namedCurve, hash }} = value.algorithm;
      return {{ $key: {{ jwk: await crypto.subtle.exportKey('jwk', value), usages: value.usages, secret: value.type !== 'public',
                        algorithm: {{ name, ...(namedCurve && {{ namedCurve }}), ...(hash && {{ hash: hash.name }}) }} }} }};
    }}
    if (Array.isArray(value)) return Promise.all(value.map(plain));
    if (value === undefined) return {{ $undefined: true }};
    if (typeof value !== 'object' || value === null) return value;
    if (Object.getPrototypeOf(value) !== Object.prototype) throw new Error(`cannot write out a ${{value.constructor.name}}`);
    return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([name, one]) => [name, await plain(one)])));
  }}
  const databases = [];
  for (const {{ name, version }} of (await indexedDB.databases()).sort((a, b) => (a.name < b.name ? -1 : 1))) {{
    const db = await asked(indexedDB.open(name));
    const stores = [];
    for (const store_name of db.objectStoreNames) {{
      const store = db.transaction(store_name).objectStore(store_name);
      const [keys, values] = await Promise.all([asked(store.getAllKeys()), asked(store.getAll())]);
      const indexes = [...store.indexNames].map((one) => [one, store.index(one).keyPath]);
      const rows = await Promise.all(keys.map(async (key, i) => [key, await plain(values[i])]));
      stores.push({{ name: store_name, keyPath: store.keyPath, indexes, rows }});
    }}
    db.close();
    databases.push({{ name, version, stores }});
  }}
  return {{ local: {{ ...localStorage }}, databases }};
}}"""

# `async (dump) => …` on a page of the same origin on which the app does not run.
RESTORE = f"""async (dump) => {{ {_BASE64}
  async function real(value) {{
    if (Array.isArray(value)) return Promise.all(value.map(real));
    if (typeof value !== 'object' || value === null) return value;
    if ('$bytes' in value) return from_base64(value.$bytes);
    if ('$blob' in value) return new Blob([from_base64(value.$blob[1])], {{ type: value.$blob[0] }});
    if ('$undefined' in value) return undefined;
    if ('$key' in value) {{
      const {{ jwk, algorithm, usages, secret }} = value.$key;
      return crypto.subtle.importKey('jwk', {{ ...jwk, ext: true }}, algorithm, !secret, usages);
    }}
    return Object.fromEntries(await Promise.all(Object.entries(value).map(async ([name, one]) => [name, await real(one)])));
  }}
  for (const [name, value] of Object.entries(dump.local)) localStorage.setItem(name, value);
  for (const {{ name, version, stores }} of dump.databases) {{
    const opening = indexedDB.open(name, version);
    opening.onupgradeneeded = () => {{
      for (const one of stores) {{
        const store = opening.result.createObjectStore(one.name, one.keyPath === null ? undefined : {{ keyPath: one.keyPath }});
        for (const [index, path] of one.indexes) store.createIndex(index, path);
      }}
    }};
    const db = await asked(opening);
    for (const {{ name: store_name, keyPath, rows }} of stores) {{
      const values = await Promise.all(rows.map(([, value]) => real(value)));
      const tx = db.transaction(store_name, 'readwrite');
      rows.forEach(([key], i) => (keyPath === null ? tx.objectStore(store_name).put(values[i], key) : tx.objectStore(store_name).put(values[i])));
      await new Promise((done, failed) => {{ tx.oncomplete = done; tx.onabort = () => failed(tx.error); }});
    }}
    db.close();
  }}
}}"""
