// `node server.js PACKAGES DATABASE SECRET`: Express as Stripe's own example has it; its port goes to stdout.
"use strict";

process.env.NODE_ENV = "production";
const installed = require("node:module").createRequire(`${process.argv[2]}/`);
const Database = installed("better-sqlite3");
const express = installed("express");
const Stripe = installed("stripe");

const [, , , file, secret] = process.argv;
// Nobody is at that address, should it ever ask.
const stripe = new Stripe("sk_test_bench", { protocol: "http", host: "127.0.0.1", port: 9, telemetry: false });
const database = new Database(file);
database.pragma("journal_mode = WAL");
database.pragma("synchronous = FULL");
database.exec("CREATE TABLE events (id TEXT PRIMARY KEY, type TEXT NOT NULL, body BLOB NOT NULL)");
const keep = database.prepare("INSERT OR IGNORE INTO events (id, type, body) VALUES (?, ?, ?)");

const app = express();
app.post("/webhooks/stripe", express.raw({ type: "application/json" }), (request, response) => {
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.headers["stripe-signature"], secret);
  } catch {
    response.sendStatus(400);
    return;
  }
  keep.run(event.id, event.type, request.body);
  response.sendStatus(200);
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
