"use strict";
// The reviewer's decisions: which pictures to keep, and which pairs are not duplicates.
const makeDecisions = (earlier) => {
  const HEADER = ["id", "other_id", "decision"];
  const kept = new Set();
  const apart = new Map();
  let saved = true;

  const pair = (id, other) => JSON.stringify([id, other].sort());
  for (const [id, other] of earlier) {
    if (other === "") kept.add(id); else apart.set(pair(id, other), [id, other]);
  }
  const cell = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const csv = () => [
    HEADER,
    ...[...kept].map((id) => [id, "", "keep"]),
    ...[...apart.values()].map((ids) => [...ids, "not_duplicate"]),
  ].map((row) => row.map(cell).join(",") + "\n").join("");

  window.addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });

  return {
    count: () => kept.size + apart.size,
    keeps: (id) => kept.has(id),
    isApart: (id, other) => apart.has(pair(id, other)),
    // At most one picture of a group is kept.
    keep: (id, group) => {
      const again = kept.has(id);
      for (const other of group) kept.delete(other);
      if (!again) kept.add(id);
      saved = false;
    },
    separate: (id, other) => {
      if (!apart.delete(pair(id, other))) apart.set(pair(id, other), [id, other]);
      saved = false;
    },
    save: () => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([csv()], { type: "text/csv" }));
      link.download = "decisions.csv";
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
      saved = true;
    },
  };
};
