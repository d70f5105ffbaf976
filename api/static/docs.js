"use strict";
// Renders /v1/openapi.json. Everything is put in as text: nothing of the document becomes markup.

const el = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
};

const resolve = (api, part) => {
  while (part && part.$ref) part = part.$ref.slice(2).split("/").reduce((here, step) => here[step], api);
  return part || {};
};

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return [[].concat(schema.type || "any").join(" | "), schema.format].filter(Boolean).join(", ");
};

const table = (heads, rows) =>
  rows.length
    ? el("table", {},
        el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))),
        el("tbody", {}, rows.map((row) => el("tr", {}, row.map((cell) => el("td", { dir: "auto" }, cell))))))
    : null;

const fields = (api, schema, depth = 0) => {
  const whole = resolve(api, schema);
  const required = new Set(whole.required || []);
  return Object.entries(whole.properties || {}).flatMap(([name, field]) => {
    const inner = field.type === "array" ? field.items : (field.anyOf || [field]).find((each) => each.$ref) || field;
    const row = [
      el("code", required.has(name) ? { class: "must" } : {}, "  ".repeat(depth) + (depth ? "· " : "") + name),
      typeOf(field), required.has(name) ? "required" : "", field.description || ""];
    return [row, ...(inner && inner.$ref && depth < 3 ? fields(api, inner, depth + 1) : [])];
  });
};

const parameters = (api, operation) =>
  (operation.parameters || []).map((each) => resolve(api, each)).map((each) => [
    el("code", each.required ? { class: "must" } : {}, each.name), each.in, each.required ? "required" : "", each.description || ""]);

const curl = (method, path, operation, example) => {
  const parts = [`curl -X ${method.toUpperCase()} "$BASE${path}"`, '-H "Authorization: Bearer $TOKEN"'];
  if (example) parts.push("-H 'Content-Type: application/json'", '-H "Idempotency-Key: $(uuidgen)"', `-d '${JSON.stringify(example)}'`);
  return parts.join(" \\\n  ");
};

const operationOf = (api, path, method, operation) => {
  const body = operation.requestBody && operation.requestBody.content["application/json"];
  const success = operation.responses["201"] || operation.responses["200"];
  const inside = el("div", { class: "inside" });
  const details = el("details", { id: operation.operationId },
    el("summary", {},
      el("span", { class: `method ${method}` }, method.toUpperCase()), el("code", {}, path), el("span", { class: "said" }, operation.summary || "")),
    inside);
  details.addEventListener("toggle", () => {
    if (inside.childElementCount) return;
    inside.append(...[
      operation.description ? el("p", {}, operation.description) : null,
      el("p", { class: "said" }, `Roles: ${(operation["x-roles"] || []).join(", ")}`),
      table(["parameter", "in", "", ""], parameters(api, operation)),
      body ? el("h3", {}, "Body") : null,
      body ? table(["field", "type", "", ""], fields(api, body.schema)) : null,
      body ? el("pre", {}, JSON.stringify(body.example, null, 2)) : null,
      el("h3", {}, "Answer"),
      table(["field", "type", "", ""], fields(api, success.content["application/json"].schema)),
      table(["status", ""], Object.entries(operation.responses).map(([status, answer]) => [status, resolve(api, answer).description || ""])),
      el("pre", { dir: "ltr" }, curl(method, path, operation, body && body.example)),
    ].filter(Boolean));
  });
  details.dataset.text = [operation.operationId, path, operation.summary, ...(operation["x-roles"] || [])].join(" ").toLowerCase();
  return details;
};

const show = (api) => {
  document.getElementById("about").textContent = api.info.description;
  const main = document.getElementById("operations");
  const byTag = new Map();
  for (const [path, item] of Object.entries(api.paths))
    for (const method of ["get", "post"])
      if (item[method]) {
        const tag = item[method].tags[0];
        if (!byTag.has(tag)) byTag.set(tag, []);
        byTag.get(tag).push(operationOf(api, path, method, item[method]));
      }
  main.replaceChildren(...[...byTag].map(([tag, all]) => el("section", {}, el("h2", {}, tag), all)));
  document.getElementById("filter").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const details of main.querySelectorAll("details")) details.hidden = !details.dataset.text.includes(wanted);
    for (const section of main.querySelectorAll("section")) section.hidden = !section.querySelector("details:not([hidden])");
  });
  const named = location.hash && document.getElementById(location.hash.slice(1));
  if (named) { named.open = true; named.scrollIntoView(); }
};

fetch("/v1/openapi.json")
  .then((answer) => answer.json())
  .then(show)
  .catch((error) => { document.getElementById("operations").textContent = `The document could not be read: ${error.message}`; });
