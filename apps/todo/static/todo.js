// The page: shows what the API has and sends it what the user does.
"use strict";

const list = document.querySelector("#list");
const template = document.querySelector("#item");
const filters = { state: "", q: "" };

// Calls the API; returns what it answers, or throws an Error with its message.
async function call(method, path, body) {
  const options = { method };
  if (body instanceof FormData) {
    options.body = body;
  } else if (body) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  const response = await fetch("/api" + path, options);
  const data = response.status === 204 ? null : await response.json();
  if (!response.ok) {
    const fields = Object.entries(data.error.fields || {})
      .map(([name, text]) => `${name} ${text}`);
    throw new Error(fields.join(", ") || data.error.description);
  }
  return data;
}

// Runs an action, then shows the list anew; what went wrong is shown above it.
async function act(action) {
  const box = document.querySelector("#error");
  try {
    await action();
    box.hidden = true;
    await show();
  } catch (error) {
    box.textContent = error.message;
    box.hidden = false;
  }
}

// Due date, tags and file of an item. Texts are set as texts: they never become HTML.
function addFacts(box, item) {
  const today = new Date().toISOString().slice(0, 10);
  if (item.due) {
    const due = document.createElement("span");
    due.textContent = "until " + item.due + " ";
    due.className = item.due < today && !item.done ? "late" : "";
    box.append(due);
  }
  if (item.tags.length) {
    box.append(item.tags.map((tag) => "#" + tag).join(" ") + " ");
  }
  if (item.file) {
    const link = document.createElement("a");
    link.href = `/api/todos/${item.id}/file`;
    link.textContent = item.file.name;
    box.append(link);
  }
}

function element(item) {
  const node = template.content.cloneNode(true).querySelector("li");
  const path = "/todos/" + item.id;
  const box = node.querySelector("[type=checkbox]");
  node.classList.toggle("done", item.done);
  node.querySelector(".title").textContent = item.title;
  box.checked = item.done;
  box.onchange = () => act(() => call("PATCH", path, { done: box.checked }));
  node.querySelector(".delete").onclick = () => act(() => call("DELETE", path));
  node.querySelector("[type=file]").onchange = (event) => {
    const form = new FormData();
    form.append("file", event.target.files[0]);
    act(() => call("POST", path + "/file", form));
  };
  addFacts(node.querySelector(".facts"), item);
  return node;
}

// Fetches the items that the filters leave and shows them.
async function show() {
  const query = new URLSearchParams(Object.entries(filters).filter(([, value]) => value));
  const { items, total } = await call("GET", "/todos?" + query);
  list.replaceChildren(...items.map(element));
  document.querySelector("#empty").hidden = total > 0;
  document.querySelector("#count").textContent = total === 1 ? "1 thing" : total + " things";
}

document.querySelector("#add").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  const tags = form.tags.value.split(/[\s,]+/).filter((tag) => tag);
  act(async () => {
    await call("POST", "/todos", {
      title: form.elements.title.value, due: form.due.value || null, tags,
    });
    form.reset();
    form.elements.title.focus();
  });
};

document.querySelector("#states").onclick = (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  filters.state = button.dataset.state;
  for (const other of button.parentNode.children) {
    other.setAttribute("aria-pressed", String(other === button));
  }
  act(async () => {});
};

document.querySelector("#search").oninput = (event) => {
  filters.q = event.target.value;
  act(async () => {});
};

act(async () => {});
