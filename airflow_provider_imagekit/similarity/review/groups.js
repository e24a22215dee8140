
"use strict";
(() => {
  const PAGE = 20;       // groups on a page
  const FIRST = 11;      // copies of a group that are shown at first
  const LIBRARY = "https://imagekit.io/dashboard/media-library/detail/";
  // One line for each group, which is parsed on demand. The last line has the data to page, sort and filter all.
  const lines = document.getElementById("data").textContent.split("\n");
  const { labels, bits, decided, index, origins, thumbnail } = JSON.parse(lines.pop());
  const decisions = makeDecisions(decided);
  const SIZE = labels.indexOf("File size");
  const $ = (id) => document.getElementById(id);
  const number = new Intl.NumberFormat("en");

  // Everything is set as text, never as markup, because file names may contain anything.
  const make = (tag, className, ...children) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  };

  const size = (bytes) => {
    const units = ["B", "kB", "MB", "GB", "TB"];
    let unit = 0;
    while (bytes >= 999.5 && unit < units.length - 1) { bytes /= 1000; unit += 1; }
    return `${bytes >= 100 || unit === 0 ? Math.round(bytes) : bytes.toFixed(1)} ${units[unit]}`;
  };

  const revive = ([id, name, url, small, phash, distance, origin, bytes, ...values]) => {
    if (bytes) values[SIZE] = size(bytes);
    return { id, name: name || id, url, thumbnail: small === 1 ? `${url}?tr=${thumbnail}` : small, phash, distance,
      origin: origins[origin], bytes, values };
  };

  class Group {
    constructor(at) {
      [this.at, this.name, this.copies, this.bytes, this.near, this.far, this.flags] = [at, ...index.map((column) => column[at])];
    }
    get content() {
      if (!this.read) {
        const [reason, ...pictures] = JSON.parse(lines[this.at]);
        const [keeper, ...members] = pictures.map(revive);
        const texts = [keeper, ...members].map((p) => [p.id, p.phash, p.name, ...p.values].join("\n"));
        this.read = { reason, keeper, members, text: texts.join("\n").toLowerCase() };
      }
      return this.read;
    }
    get reason() { return this.content.reason; }
    get keeper() { return this.content.keeper; }
    get members() { return this.content.members; }
    // A text that is not in the raw line is not in its values, so most lines are never parsed.
    contains(text, quoted) { return lines[this.at].toLowerCase().includes(quoted) && this.content.text.includes(text); }
  }
  const groups = index[0].map((_, at) => new Group(at));

  let ranks = null;
  const byName = (a, b) => {
    if (!ranks) {
      const { compare } = new Intl.Collator("en");
      ranks = [];
      [...groups].sort((one, other) => compare(one.name, other.name)).forEach((group, rank) => { ranks[group.at] = rank; });
    }
    return ranks[a.at] - ranks[b.at];
  };
  const orders = {
    count: (a, b) => a.at - b.at,  // the order of the lines
    bytes: (a, b) => b.bytes - a.bytes || byName(a, b),
    far: (a, b) => b.far - a.far || byName(a, b),
    near: (a, b) => a.near - b.near || a.far - b.far || byName(a, b),
    name: byName,
  };
  const filters = {
    reference: (group) => group.flags & 1,
    known: (group) => group.flags & 2,
    exact: (group) => group.far === 0,
    changed: (group) => group.far > 0,
  };

  const frame = (picture) => {
    const link = make(picture.url ? "a" : "span", "frame");
    if (picture.url) Object.assign(link, { href: picture.url, target: "_blank", rel: "noopener noreferrer" });
    if (!picture.thumbnail) { link.append("no URL"); return link; }
    const image = make("img");
    Object.assign(image, { loading: "lazy", decoding: "async", alt: picture.name });
    image.addEventListener("error", () => link.replaceChildren("cannot be shown"));
    image.src = picture.thumbnail;
    link.append(image);
    return link;
  };

  const facts = (picture, keeper) => {
    const list = make("dl", "facts");
    labels.forEach((label, at) => {
      const value = picture.values[at];
      if (!value && !keeper.values[at]) return;
      const differs = picture !== keeper && value !== keeper.values[at];
      list.append(make("dt", "", label), make("dd", differs ? "differs" : "", value || "–"));
    });
    return list;
  };

  const inBits = (distance) => `${distance} ${distance === 1 ? "bit" : "bits"}`;

  const similarity = (picture) => picture.distance === 0 ? [make("b", "", "equal hash")] : [
    make("b", "", inBits(picture.distance)),
    ` ${(100 * (1 - picture.distance / bits)).toFixed(0)} % similar`,
  ];

  // One picture of a group is kept: the one that a person chose, otherwise the suggested one.
  const chosen = (group) => [group.keeper, ...group.members].find((picture) => decisions.keeps(picture.id));

  const verdict = (picture, group) => {
    const keep = picture === (chosen(group) || group.keeper);
    const suggested = picture === group.keeper;
    const apart = !suggested && decisions.isApart(picture.id, group.keeper.id);
    const line = make("div", "verdict");
    if (keep) line.append("✓ Keep");
    else if (apart) line.append("≠ Not a duplicate");
    else if (suggested) line.append("Suggested");
    else line.append(...similarity(picture));
    if (decisions.keeps(picture.id)) line.append(make("span", "tag", "your decision"));
    else if (suggested && group.reason && group.reason !== "reference") line.append(make("span", "tag", group.reason));
    if (picture.origin !== "new") line.append(make("span", "tag", picture.origin));
    return [line, keep ? "keep" : apart ? "apart" : ""];
  };

  const showCount = () => {
    $("save").textContent = `Save decisions (${number.format(decisions.count())})`;
    $("save").disabled = !decisions.count();
  };

  const toggle = (text, picture, decide) => {
    const button = make("button", "", text);
    button.type = "button";
    button.setAttribute("aria-label", `${text}: ${picture.name}`);
    button.addEventListener("click", decide);
    return button;
  };

  const figure = (picture, group) => {
    const decided = (decide) => () => { decide(); group.redraws.forEach((redraw) => redraw()); showCount(); };
    const ids = [group.keeper, ...group.members].map((one) => one.id);
    const keep = toggle("Keep this one", picture, decided(() => decisions.keep(picture.id, ids)));
    const part = picture === group.keeper ? null
      : toggle("Not a duplicate", picture, decided(() => decisions.separate(picture.id, group.keeper.id)));
    const caption = make("figcaption", "", make("div", "verdict"));
    if (part) {
      const fill = make("i");
      fill.style.width = `${Math.min(100, 100 * picture.distance / 16)}%`;
      caption.append(make("div", "bar", fill));
    }
    const id = make("div", "id", make("span", "", picture.id), " ", make("code", "", picture.phash));
    if (/^[0-9a-f]{24}$/.test(picture.id)) {
      const link = make("a", "", "Media library");
      Object.assign(link, { href: LIBRARY + picture.id, target: "_blank", rel: "noopener noreferrer" });
      id.append(" ", link);
    }
    caption.append(make("div", "name", picture.name), facts(picture, group.keeper), id,
      make("div", "decide", keep, ...(part ? [part] : [])));
    const element = make("figure", "", frame(picture), caption);
    // Green for equal hashes, red from 12 bits on.
    element.style.setProperty("--distance", `hsl(${140 - 140 * Math.min(1, picture.distance / 12)} 70% 40%)`);
    const redraw = () => {
      const [line, className] = verdict(picture, group);
      caption.firstChild.replaceWith(line);
      element.className = className;
      keep.setAttribute("aria-pressed", decisions.keeps(picture.id));
      if (part) part.setAttribute("aria-pressed", decisions.isApart(picture.id, group.keeper.id));
    };
    group.redraws.push(redraw);
    redraw();
    return element;
  };

  const card = (group) => {
    group.redraws = [];
    const { copies } = group;
    const summary = [`${number.format(copies)} ${copies === 1 ? "copy" : "copies"}`];
    summary.push(group.far === 0 ? "equal hashes" : group.near === group.far ? inBits(group.far) : `${group.near} to ${group.far} bits`);
    if (group.bytes) summary.push(`${size(group.bytes)} in copies`);
    const pictures = make("div", "pictures", figure(group.keeper, group),
      ...group.members.slice(0, FIRST).map((picture) => figure(picture, group)));
    const section = make("section", "group", make("h2", "", group.keeper.name, make("small", "", summary.join(" · "))), pictures);
    if (copies > FIRST) {
      let shown = FIRST;
      const more = make("button", "more");
      more.type = "button";
      const setLabel = () => { more.textContent = `Show ${Math.min(100, copies - shown)} more of ${number.format(copies)}`; };
      more.addEventListener("click", () => {
        pictures.append(...group.members.slice(shown, shown + 100).map((picture) => figure(picture, group)));
        shown += 100;
        if (shown >= copies) more.remove(); else setLabel();
      });
      setLabel();
      section.append(more);
    }
    return section;
  };

  let page = 0;
  let selected = groups;

  const select = () => {
    const text = $("find").value.trim().toLowerCase();
    const filter = filters[$("origin").value] || (() => true);
    const quoted = JSON.stringify(text).slice(1, -1).replaceAll("<", "\\u003c");
    selected = groups.filter((group) => filter(group) && (!text || group.contains(text, quoted))).sort(orders[$("sort").value]);
    showPage(0);
  };

  const showPage = (to) => {
    const last = Math.max(0, Math.ceil(selected.length / PAGE) - 1);
    page = Math.min(Math.max(0, to), last);
    $("back").disabled = page === 0;
    $("on").disabled = page === last;
    const begin = page * PAGE;
    $("place").textContent = selected.length
      ? `${number.format(begin + 1)}–${number.format(Math.min(begin + PAGE, selected.length))} of ${number.format(selected.length)}`
      : "0 of 0";
    $("groups").replaceChildren(...selected.slice(begin, begin + PAGE).map(card));
    if (!selected.length) $("groups").append(make("p", "empty", groups.length ? "No group matches." : "No near-duplicates were found."));
    window.scrollTo(0, 0);
  };

  const copies = groups.reduce((sum, group) => sum + group.copies, 0);
  const bytes = groups.reduce((sum, group) => sum + group.bytes, 0);
  for (const [label, value] of [["groups", number.format(groups.length)], ["copies", number.format(copies)], ["in copies", size(bytes)]]) {
    $("totals").append(make("div", "", make("dt", "", label), make("dd", "", value)));
  }
  $("save").addEventListener("click", decisions.save);
  $("sort").addEventListener("change", select);
  $("origin").addEventListener("change", select);
  $("find").addEventListener("input", select);
  $("back").addEventListener("click", () => showPage(page - 1));
  $("on").addEventListener("click", () => showPage(page + 1));
  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select")) return;
    if (event.key === "ArrowLeft") showPage(page - 1);
    if (event.key === "ArrowRight") showPage(page + 1);
  });
  showCount();
  select();
})();
