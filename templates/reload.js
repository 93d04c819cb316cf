// In each page that debug mode serves: reloads it, at its place, when the app has changed, and
// shows why a change can't be loaded.
(function () {
    "use strict";
    if (window.cflaskReload) { return; }  // the page was changed by a script of its own
    window.cflaskReload = true;
    var source = document.currentScript.src;
    var words = /\?(\d+)(.*)$/.exec(source) || ["", "0", ""];
    var began = Number(words[1]);      // when this page was asked for
    var wasSent = words[2] !== "";     // it answers a form: reloading would send that again
    var stream = null;

    function remember(key, value) {
        try { sessionStorage.setItem("cflask-" + key, value); } catch (e) { /* not allowed */ }
    }

    function recall(key) {
        try { return sessionStorage.getItem("cflask-" + key); } catch (e) { return null; }
    }

    function show(text, title) {
        var box = document.getElementById("cflask-banner");
        if (box) { box.remove(); }
        if (text === null) { return; }
        box = document.createElement("div");
        box.id = "cflask-banner";
        box.setAttribute("role", "alert");
        var strong = box.appendChild(document.createElement("strong"));
        strong.textContent = title;
        var pre = box.appendChild(document.createElement("pre"));
        pre.textContent = text;
        Object.assign(box.style, {  // by hand: a policy may forbid styles in the text
            position: "fixed", zIndex: "2147483647", left: "0", right: "0", top: "0",
            maxHeight: "50vh", overflow: "auto", boxSizing: "border-box", padding: "12px 16px",
            background: "#8c1515", color: "#fff", textAlign: "left",
            font: "14px/1.4 system-ui, sans-serif", boxShadow: "0 2px 12px rgba(0,0,0,.4)"
        });
        Object.assign(pre.style, {
            margin: text ? "8px 0 0" : "0", whiteSpace: "pre-wrap", overflowWrap: "anywhere",
            background: "none", border: "0", padding: "0", color: "inherit",
            font: "13px/1.4 ui-monospace, monospace"
        });
        document.body.appendChild(box);
    }

    function close() {
        if (stream) { stream.close(); }
        stream = null;
    }

    function reload(changed) {
        remember("reloaded", String(changed));
        remember("place", JSON.stringify([location.href, scrollX, scrollY]));
        close();
        location.reload();
    }

    function hear(event) {
        var state = JSON.parse(event.data);
        // A page that is old even after its reload comes from some cache: once is enough.
        var isOld = state.changed > began && recall("reloaded") !== String(state.changed);
        if (isOld && !wasSent) {
            reload(state.changed);
        } else if (state.error !== null) {
            show(state.error, "The app can't be loaded: this is its last good version.");
        } else {
            show(isOld ? "" : null, "The app has changed since this form was sent.");
        }
    }

    function open() {
        if (stream || document.visibilityState === "hidden") { return; }
        stream = new EventSource(new URL("events", source).href);
        stream.onmessage = hear;
        stream.onerror = function () {
            if (stream && stream.readyState === EventSource.CLOSED) {
                close();
                setTimeout(open, 1000);
            }
        };
    }

    function findPlace() {
        var place = JSON.parse(recall("place") || "[]");
        remember("place", "[]");
        if (place[0] !== location.href) { return; }
        var go = function () { scrollTo({left: place[1], top: place[2], behavior: "instant"}); };
        go();
        addEventListener("load", go);
    }

    document.addEventListener("visibilitychange", function () {
        if (document.visibilityState === "hidden") { close(); } else { open(); }
    });
    addEventListener("pagehide", close);
    addEventListener("pageshow", open);
    var written = document.querySelector("#cflask-banner pre");
    if (written) {
        show(written.textContent, document.querySelector("#cflask-banner strong").textContent);
    }
    findPlace();
    open();
}());
