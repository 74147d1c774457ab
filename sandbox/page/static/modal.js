// A modal as an application opens it: labels, text inputs and string selects.
import { h } from "./dom.js";
import { markdown } from "./markdown.js";

const dialog = document.getElementById("modal");

export function openModal(modal, world, submit) {
  const fields = modal.components.flatMap((row) => (row.component ? [[row, row.component]] : (row.components ?? []).map((one) => [one, one])));
  const texts = modal.components.filter((row) => row.type === 10).map((row) => h("div", { class: "text" }, markdown(row.content, world)));
  const form = h("form", { method: "dialog" }, h("h2", {}, modal.title), texts, fields.map(([row, field]) => fieldOf(row, field)),
    h("div", { class: "row end" }, h("button", { type: "button", class: "button secondary", onclick: () => dialog.close() }, "Cancel"),
      h("button", { class: "button primary" }, "Submit")));
  form.addEventListener("submit", () => submit(valuesOf(form)));
  dialog.replaceChildren(form);
  dialog.showModal();
}

function fieldOf(row, field) {
  const needed = field.required !== false;
  const label = h("span", {}, row.label ?? "", needed ? h("b", { class: "needed", title: "required" }, " *") : null);
  return h("label", { class: "field" }, label, row.description ? h("small", {}, row.description) : null, inputOf(field, needed));
}

function inputOf(field, needed) {
  const shared = { name: field.custom_id, required: needed };
  if (field.type === 3) {
    return h("select", { ...shared, class: "select", multiple: field.max_values > 1 },
      field.options.map((o) => h("option", { value: o.value, selected: o.default }, o.label)));
  }
  const text = { ...shared, placeholder: field.placeholder, minlength: field.min_length, maxlength: field.max_length };
  return field.style === 2 ? h("textarea", { ...text, rows: "4", value: field.value ?? "" }) : h("input", { ...text, value: field.value ?? "" });
}

function valuesOf(form) {
  const values = {};
  for (const node of form.elements) {
    if (!node.name) continue;
    values[node.name] = node.tagName === "SELECT" ? [...node.selectedOptions].map((option) => option.value) : node.value;
  }
  return values;
}
