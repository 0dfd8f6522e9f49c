'use strict';
(() => {
  const ABSENT = 0, BEFORE = 1, AFTER = 2, ROW = 28, SPARE = 12, KEPT = 40;
  const byId = id => document.getElementById(id);
  const blocks = kind => [...document.querySelectorAll('script.' + kind)];
  const parse = block => JSON.parse(block.textContent);
  const number = new Intl.NumberFormat('en').format;
  const told = ['yes', 'no', 'unknown'], ops = {i: 'insert', u: 'update', d: 'delete', '': ''};
  const {classes, omitted, omittedRows} = parse(blocks('end')[0]);

  // The index of everything is in memory; details are read chunk by chunk as they are looked at.
  const prefixes = [], forms = [], transactions = [], rows = [], starts = [];
  const details = blocks('detail'), read = new Map();
  blocks('index').forEach((block, chunk) => {
    const index = parse(block);
    prefixes.push(...index.p);
    forms.push(...index.f);
    index.t.forEach((t, place) => transactions.push(
      {prefix: prefixes[t[0]], seq: t[1], at: t[2], class: t[3], told: t[4], undecodable: t[5], chunk, place, first: -1, rows: 0, has: 0}));
    starts.push(rows.length);
    for (const r of index.r) {
      const tx = transactions[r[0]];
      if (tx.first < 0) tx.first = rows.length;
      tx.rows++;
      tx.has |= 1 << r[3];
      rows.push(r);
    }
  });

  const detailOf = chunk => {
    let d = read.get(chunk);
    if (!d) {
      d = parse(details[chunk]);
      if (read.size >= KEPT) read.delete(read.keys().next().value);
      read.set(chunk, d);
    }
    return d;
  };
  const chunkOf = row => {
    let low = 0, high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (starts[middle] <= row) low = middle; else high = middle - 1;
    }
    return low;
  };
  const rowDetail = row => { const chunk = chunkOf(row); return detailOf(chunk).r[row - starts[chunk]]; };
  const txDetail = tx => detailOf(tx.chunk).t[tx.place];
  const txOf = row => transactions[rows[row][0]];
  const tableOf = row => rows[row][1] < 0 ? '' : forms[rows[row][1]][0];
  const gtid = tx => tx.prefix + tx.seq;
  const time = tx => {
    const iso = new Date(Math.floor(tx.at / 1000)).toISOString(), micros = String(((tx.at % 1e6) + 1e6) % 1e6).padStart(6, '0');
    return {day: iso.slice(0, 10), clock: iso.slice(11, 19) + '.' + micros};
  };
  const make = (tag, kind, text) => {
    const e = document.createElement(tag);
    if (kind) e.className = kind;
    if (text !== undefined) e.textContent = text;
    return e;
  };

  // Filters.
  const kind = byId('class'), table = byId('table'), acknowledged = byId('acknowledged'), find = byId('find');
  let shown = [], picked = -1; // Rows that match, and the place of the selected one among them.
  const matches = () => {
    const want = kind.value, wanted = classes.findIndex(c => c.name === want), names = forms.map(f => !table.value || f[0] === table.value);
    const told_ = told.indexOf(acknowledged.value), text = find.value.trim().toLowerCase();
    const out = [];
    for (let i = 0; i < rows.length; i++) {
      const r = rows[i], tx = transactions[r[0]];
      if (want === 'person' ? !classes[tx.class].person : want && r[3] !== wanted && !(tx.class === wanted && !(tx.has >> wanted & 1))) continue;
      if (r[1] < 0 ? table.value : !names[r[1]]) continue;
      if (told_ >= 0 && tx.told !== told_) continue;
      if (text && !r[4].toLowerCase().includes(text) && !gtid(tx).includes(text)) continue;
      out.push(i);
    }
    return out;
  };
  const filter = () => {
    const before = shown[picked];
    shown = matches();
    const distinct = shown.reduce((n, row, i) => n + (i === 0 || rows[shown[i - 1]][0] !== rows[row][0]), 0);
    const changes = shown.filter(row => rows[row][1] >= 0).length;
    byId('shown').textContent = number(distinct) + ' of ' + number(transactions.length) + ' transactions, ' + number(changes) + ' row changes';
    byId('list').setAttribute('aria-rowcount', shown.length + 1);
    byId('space').style.height = shown.length * ROW + 'px';
    pick(Math.max(0, shown.indexOf(before)));
  };
  const remember = () => {
    const set = new URLSearchParams();
    for (const [name, e] of [['class', kind], ['table', table], ['acknowledged', acknowledged]]) if (e.value) set.set(name, e.value);
    try { history.replaceState(null, '', '#' + set); } catch { /* A frame without an address keeps none. */ }
    filter();
  };
  const recall = () => {
    const set = new URLSearchParams(location.hash.slice(1));
    for (const [name, e] of [['class', kind], ['table', table], ['acknowledged', acknowledged]]) {
      const value = set.get(name) ?? '';
      e.value = [...e.options].some(o => o.value === value) ? value : '';
    }
    filter();
  };

  // The list: only the rows in sight exist.
  const list = byId('list');
  const draw = () => {
    const from = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const to = Math.min(shown.length, Math.ceil((list.scrollTop + list.clientHeight) / ROW) + SPARE);
    const out = [];
    for (let place = from; place < to; place++) out.push(drawRow(place));
    byId('window').style.transform = 'translateY(' + from * ROW + 'px)';
    byId('window').replaceChildren(...out);
    list.setAttribute('aria-activedescendant', picked >= from && picked < to ? 'r' + picked : '');
  };
  const drawRow = place => {
    const row = shown[place], r = rows[row], tx = txOf(row), e = make('div', 'row'), detail = rowDetail(row);
    const first = place === 0 || rows[shown[place - 1]][0] !== r[0];
    e.id = 'r' + place;
    e.dataset.place = place;
    e.setAttribute('role', 'row');
    e.setAttribute('aria-rowindex', place + 2);
    e.classList.toggle('first', first);
    e.classList.toggle('same', !first);
    if (place === picked) {
      e.classList.add('picked');
      e.setAttribute('aria-selected', 'true');
    }
    const name = classes[r[3]].name;
    const cells = [
      ['', time(tx).clock.slice(0, 12)], ['', tx.prefix.slice(0, 8) + '…:' + tx.seq],
      ['class ' + name, name + (r[3] === tx.class ? '' : ' in ' + classes[tx.class].name)],
      ['told-' + told[tx.told], told[tx.told]], ['', tableOf(row) || (tx.undecodable ? '(undecodable)' : '(statement)')],
      ['', ops[r[2]]], ['', r[4]], ['muted', detail[0]],
    ];
    for (const [kind, text] of cells) {
      const cell = make('span', kind, text);
      cell.setAttribute('role', 'gridcell');
      e.append(cell);
    }
    e.children[1].title = gtid(tx);
    e.children[6].title = r[4];
    e.children[7].title = detail[0];
    return e;
  };
  let drawn = false;
  list.addEventListener('scroll', () => {
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(() => { drawn = false; draw(); });
  });
  new ResizeObserver(draw).observe(list);

  const pick = place => {
    picked = shown.length ? Math.min(Math.max(place, 0), shown.length - 1) : -1;
    const top = picked * ROW, height = list.clientHeight - ROW;
    if (picked < 0) list.scrollTop = 0;
    else if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + height) list.scrollTop = top + ROW - height;
    draw();
    drawDetail();
  };
  const pickRow = row => {
    let place = shown.indexOf(row);
    if (place < 0) { // The filter hides it.
      for (const e of [kind, table, acknowledged, find]) e.value = '';
      remember();
      place = shown.indexOf(row);
    }
    pick(place);
  };

  // The selected row: before, after and live side by side.
  const drawDetail = () => {
    const pane = byId('detail');
    pane.scrollTop = 0;
    if (picked < 0) return pane.replaceChildren(make('p', 'muted', 'Nothing matches the filter.'));
    const row = shown[picked], r = rows[row], tx = txOf(row), d = rowDetail(row), t = txDetail(tx), when = time(tx);
    const title = make('h2');
    title.append(make('span', 'class ' + classes[r[3]].name, classes[r[3]].name), ' ', [ops[r[2]], tableOf(row)].join(' ').trim() || 'transaction', ' ');
    title.append(make('code', '', r[4]));
    const facts = make('dl');
    const fact = (name, value) => value && facts.append(make('dt', '', name), make('dd', '', value));
    pane.replaceChildren(title, make('p', '', d[0]), facts);
    fact('transaction', gtid(tx));
    fact('committed', when.day + ' ' + when.clock + ' UTC');
    fact('acknowledged', told[tx.told]);
    fact('as a whole', classes[tx.class].name + (t[0] && t[0] !== d[0] ? ': ' + t[0] : ''));
    fact('counterpart', d[1]);
    if (d[5]) {
      const [column, id, children, all] = d[5];
      fact('proposal', 'give it ' + column + ' = ' + id + (all ? '; ' + number(all) + ' row changes refer to it and would have to refer to that' : ''));
      for (const [by, child, key, named, constraint] of children) fact('refers to it', child + ' ' + key + (named ? ' by ' + named : '') + ' (' + constraint + ') in ' + by);
      if (all > children.length) fact('refers to it', number(all - children.length) + ' more');
    }
    for (const reason of t[2] ?? []) fact('undecodable', reason);
    for (const [schema, text] of t[1]) fact('statement', (schema ? schema + ': ' : '') + text);
    if (r[1] >= 0) pane.append(images(forms[r[1]][1], d, classes[r[3]].name === 'OPAQUE'), legend());
    if (tx.rows > 1) pane.append(siblings(row, tx));
  };
  const legend = () => {
    const p = make('p', 'legend muted');
    p.append(make('span', 'changed', 'changed by the old side'), ' ', make('span', 'other', 'live differs from before and after'));
    return p;
  };
  const images = (columns, [, , before, after, live], opaque) => {
    const out = make('table'), head = make('tr'), body = make('tbody');
    out.id = 'images';
    for (const name of ['column', 'before', 'after (old side)', 'live (new primary)']) head.append(make('th', '', name));
    out.append(make('thead'), body);
    out.tHead.append(head);
    columns.forEach((column, i) => {
      const b = before && before[i], a = after && (after[i] === BEFORE ? b : after[i]);
      let l = live && live[i];
      if (l === BEFORE) l = b; else if (l === AFTER) l = a;
      const changed = !before || !after || b !== a, other = live && l !== ABSENT && (!before || l !== b) && (!after || l !== a);
      const line = make('tr', changed || other ? '' : 'plain');
      line.append(make('th', '', column), value(before, b, '', 'no row'), value(after, a, changed ? 'changed' : '', 'no row'),
        value(live, l, other ? 'other' : '', opaque ? 'no row, or not read' : 'no row'));
      body.append(line);
    });
    return out;
  };
  const value = (image, v, mark, none) => {
    const cell = make('td', image ? mark : '');
    if (!image) cell.append(make('span', 'none', none));
    else if (v === null) cell.append(make('span', 'none', 'NULL'));
    else if (v === ABSENT) cell.append(make('span', 'none', 'not logged'));
    else cell.textContent = v;
    return cell;
  };
  const SIBLINGS = 200;
  const siblings = (row, tx) => {
    const box = make('div'), out = make('ul');
    out.id = 'siblings';
    box.append(make('p', '', 'Row change ' + number(row - tx.first + 1) + ' of ' + number(tx.rows) + ' in this transaction:'), out);
    const from = Math.max(tx.first, Math.min(row - SIBLINGS / 2, tx.first + tx.rows - SIBLINGS));
    for (let i = from; i < Math.min(from + SIBLINGS, tx.first + tx.rows); i++) {
      const b = make('button', '', [classes[rows[i][3]].name, ops[rows[i][2]], tableOf(i), rows[i][4]].join(' '));
      b.type = 'button';
      b.setAttribute('aria-current', i === row);
      b.addEventListener('click', () => pickRow(i));
      const item = make('li');
      item.append(b);
      out.append(item);
    }
    return box;
  };

  // Keys.
  const step = way => { // To the next or the last transaction in the list.
    let place = picked;
    while (shown[place + way] !== undefined && rows[shown[place]][0] === rows[shown[picked]][0]) place += way;
    pick(place);
  };
  list.addEventListener('keydown', event => {
    const page = Math.max(1, Math.floor(list.clientHeight / ROW) - 2);
    const moves = {
      ArrowDown: () => pick(picked + 1), ArrowUp: () => pick(picked - 1), PageDown: () => pick(picked + page), PageUp: () => pick(picked - page),
      Home: () => pick(0), End: () => pick(shown.length - 1), ']': () => step(1), '[': () => step(-1), Enter: () => byId('detail').focus(),
    };
    const move = moves[event.key];
    if (!move || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    move();
  });
  list.addEventListener('click', event => {
    const row = event.target.closest('.row');
    if (row) pick(Number(row.dataset.place));
  });
  document.addEventListener('keydown', event => {
    const typing = event.target.matches('input, select');
    if (event.key === '/' && !typing) {
      event.preventDefault();
      find.focus();
    } else if (event.key === 'Escape' && (typing || event.target.closest('#detail'))) {
      if (event.target === find) {
        find.value = '';
        filter();
      }
      list.focus();
    }
  });
  for (const e of [kind, table, acknowledged]) e.addEventListener('change', remember);
  find.addEventListener('input', filter);
  find.addEventListener('keydown', event => event.key === 'ArrowDown' && (event.preventDefault(), list.focus()));
  byId('filters').addEventListener('submit', event => event.preventDefault());
  byId('filters').addEventListener('reset', event => {
    event.preventDefault();
    for (const e of [kind, table, acknowledged, find]) e.value = '';
    remember();
  });
  addEventListener('hashchange', () => { recall(); byId('explorer').scrollIntoView(); });

  if (omitted || omittedRows) {
    byId('omitted').hidden = false;
    byId('omitted').textContent = 'Not on this page: ' + number(omitted) + ' whole transactions and ' + number(omittedRows) +
      ' row changes in all. The NDJSON export lists everything.';
  }
  byId('explorer').hidden = false;
  recall();
  document.documentElement.dataset.ready = Math.round(performance.now());
})();
