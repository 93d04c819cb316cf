// The debugger's page: the prompts, the PIN, the copy.
(function () {
    "use strict";
    var page = document.body.dataset;
    var pin = document.getElementById("pin");
    var fault = pin.querySelector(".fault");
    var waiting = null;   // what was to be run when the PIN was asked for
    var history = [];

    function say(output, text, kind) {
        var pre = output.appendChild(document.createElement("pre"));
        pre.className = kind;
        pre.textContent = text;
        pre.scrollIntoView({block: "nearest"});
    }

    function post(path, data) {
        data.id = page.id;
        data.secret = page.secret;
        return fetch(page.base + path, {
            method: "POST", credentials: "same-origin", cache: "no-store",
            headers: {"Content-Type": "application/json", "Accept": "application/json"},
            body: JSON.stringify(data)
        }).then(function (response) {
            return response.json().catch(function () { return {}; }).then(function (answer) {
                answer.status = response.status;
                return answer;
            });
        }).catch(function () {
            return {status: 0, error: "the server does not answer"};
        });
    }

    function ask(text) {
        pin.hidden = false;
        fault.textContent = text || "";
        pin.elements.pin.focus();
        pin.scrollIntoView({block: "center"});
    }

    function showLocals(frame, locals) {
        var list = frame.querySelector(".locals");
        if (!list || !locals) { return; }
        list.querySelectorAll("dt").forEach(function (name) {
            var value = name.nextElementSibling, now = locals[name.textContent];
            if (now === undefined) { now = "nil"; }
            value.classList.toggle("changed", value.textContent.length < 300 && now.length < 300
                                   && value.textContent !== now);
            if (value.classList.contains("changed")) { value.textContent = now; }
        });
    }

    function run(form) {
        var box = form.elements.code, code = box.value;
        var frame = form.closest(".frame"), output = form.querySelector(".output");
        if (code.trim() === "") { return; }
        post("/evaluate", {frame: Number(frame.dataset.frame), code: code}).then(function (answer) {
            if (answer.status === 401) {
                waiting = form;
                ask();
                return;
            } else if (answer.is_incomplete && box.value === code) {
                box.value = code + "\n";
                box.rows = box.value.split("\n").length;
                return;
            }
            if (box.value === code) {
                box.value = "";
                box.rows = 1;
            }
            history.push(code);
            form.dataset.at = "";
            say(output, "> " + code.replace(/\n/g, "\n  "), "asked");
            if (answer.status !== 200) {
                say(output, answer.error || "the server answered with " + answer.status, "fault");
            } else if (answer.output !== "") {
                say(output, answer.output, answer.is_error ? "fault" : "result");
            }
            showLocals(frame, answer.locals);
        });
    }

    // The lines typed before, by the arrow keys, where these have no line to go to.
    function recall(form, step) {
        var box = form.elements.code;
        var at = form.dataset.at ? Number(form.dataset.at) : history.length;
        at = Math.max(0, Math.min(history.length, at + step));
        form.dataset.at = String(at);
        box.value = history[at] || "";
        box.rows = box.value.split("\n").length;
    }

    document.querySelectorAll(".prompt").forEach(function (form) {
        form.addEventListener("submit", function (event) {
            event.preventDefault();
            run(form);
        });
        form.elements.code.addEventListener("keydown", function (event) {
            var box = event.target, isOne = box.value.indexOf("\n") < 0;
            if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
                event.preventDefault();
                run(form);
            } else if (event.key === "ArrowUp" && isOne) {
                event.preventDefault();
                recall(form, -1);
            } else if (event.key === "ArrowDown" && isOne) {
                event.preventDefault();
                recall(form, 1);
            }
        });
        form.elements.code.addEventListener("input", function (event) {
            event.target.rows = event.target.value.split("\n").length;
        });
    });

    pin.addEventListener("submit", function (event) {
        event.preventDefault();
        post("/pin", {pin: pin.elements.pin.value}).then(function (answer) {
            if (answer.status !== 200) {
                ask(answer.error || "the server answered with " + answer.status);
                return;
            }
            var form = waiting;
            waiting = null;
            pin.hidden = true;
            pin.elements.pin.value = "";
            if (form) {
                form.elements.code.focus();
                run(form);
            }
        });
    });

    document.getElementById("copy").addEventListener("click", function (event) {
        var text = document.getElementById("text"), button = event.target;
        function done() {
            button.textContent = "Copied";
            setTimeout(function () { button.textContent = "Copy"; }, 2000);
        }
        text.select();
        if (navigator.clipboard) {
            navigator.clipboard.writeText(text.value).then(done, function () {});
        } else if (document.execCommand("copy")) {
            done();
        }
    });
}());
