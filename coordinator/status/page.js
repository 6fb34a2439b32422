// Asks the coordinator every two seconds while somebody looks, and writes down what it says. All of it goes in as text,
// never as markup.
'use strict';

(() => {
  const kPollMs = 2000;
  const kMostPoints = 1500;  // then the curve is fetched anew, thinned
  const byId = (id) => document.getElementById(id);

  let curve = {jobId: '', points: new Map()};  // by generation
  let mayChange = false;
  let jobs = [];
  let actionError = '';
  let lastAnswer = 0;

  // ---- Numbers as text. Protobuf's JSON has 64-bit integers, NaN and infinities as strings.

  const isNumber = (value) => Number.isFinite(Number(value));

  function number(value) {
    const x = Number(value);
    if (!Number.isFinite(x)) return '–';
    const size = Math.abs(x);
    if (size !== 0 && (size < 1e-4 || size >= 1e7)) return x.toExponential(3);
    return x.toLocaleString('en', {maximumSignificantDigits: 4});
  }
  const count = (value) => Number(value).toLocaleString('en');
  const percent = (value) => (100 * Number(value)).toFixed(1) + ' %';

  function duration(value) {
    const s = Number(value);
    if (!Number.isFinite(s)) return '–';
    if (s < 1e-4) return number((1e6 * s).toPrecision(3)) + ' µs';
    if (s < 0.1) return number((1000 * s).toPrecision(3)) + ' ms';
    if (s < 120) return number(s.toPrecision(3)) + ' s';
    if (s < 7200) return Math.floor(s / 60) + ' min ' + Math.floor(s % 60) + ' s';
    if (s < 172800) return Math.floor(s / 3600) + ' h ' + Math.floor(s % 3600 / 60) + ' min';
    return number((s / 86400).toPrecision(3)) + ' days';
  }

  function bytes(value) {
    let x = Number(value);
    for (const unit of ['B', 'kB', 'MB']) {
      if (x < 1000) return number(x.toPrecision(3)) + ' ' + unit;
      x /= 1000;
    }
    return number(x.toPrecision(3)) + ' GB';
  }

  // Accuracy is what counts where a task has one; of a learned optimizer's problems, only some have.
  const byAccuracy = (result, spec) => isNumber(result.accuracy) && !spec.learned_optimizer;

  // Of an EvaluationResult.
  function quality(result, spec) {
    if (!result) return '–';
    return byAccuracy(result, spec) ? percent(result.accuracy) : number(result.fitness);
  }

  // How sure, and when; the interval is that of the accuracy where there is one.
  function qualification(result, spec) {
    if (!result) return '';
    const at = 'at ' + count(result.version);
    if (isNumber(result.accuracy) && !byAccuracy(result, spec)) return at;
    return '± ' + (byAccuracy(result, spec) ? percent(result.interval) : number(result.interval)) + ' ' + at;
  }

  const ended = (status) => status.state !== 'RUNNING' && status.state !== 'PAUSED';
  const remaining = (status) => status.state === 'RUNNING' && Number(status.eta_seconds) > 0 ? duration(status.eta_seconds) : '–';

  // ---- Writing. Elements stay and only what has changed is written, so that a click meets what it was aimed at.

  function write(element, text) {
    if (element.textContent !== text) element.textContent = text;
  }

  function child(parent, index, tag) {
    return parent.children[index] || parent.appendChild(document.createElement(tag));
  }

  function dropFrom(parent, size) {
    while (parent.children.length > size) parent.lastElementChild.remove();
  }

  // A cell is its text, or {text, kind (classes), link, title, share (0 .. 1, drawn as a bar)}.
  function writeCell(td, cell) {
    const {text, kind = '', link, title = '', share} = typeof cell === 'string' ? {text: cell} : cell;
    td.className = kind;
    td.title = title;
    if (link !== undefined) {
      const a = child(td, 0, 'a');
      a.href = link;
      write(a, text);
    } else if (share !== undefined) {
      const meter = child(td, 0, 'span');
      meter.className = 'meter';
      child(meter, 0, 'span').style.width = 100 * share + '%';
      write(child(td, 1, 'b'), text);
    } else {
      write(td, text);
    }
  }

  function writeRows(tableId, rows) {
    const table = byId(tableId), body = table.tBodies[0];
    table.hidden = rows.length === 0;
    rows.forEach((row, i) => {
      const tr = child(body, i, 'tr');
      tr.className = row.kind || '';
      row.cells.forEach((cell, j) => writeCell(child(tr, j, 'td'), cell));
    });
    dropFrom(body, rows.length);
  }

  const right = (text, more) => Object.assign({text, kind: 'number'}, more);
  const wide = (text) => right(text, {kind: 'number wide'});  // not on a telephone

  function writeNote(id, text) {
    byId(id).hidden = text === '';
    write(byId(id), text);
  }

  // ---- Jobs.

  function writeJobs(view, selected) {
    jobs = view.jobs;
    mayChange = view.may_change;
    byId('no-jobs').hidden = jobs.length > 0;
    writeRows('jobs', [...jobs].reverse().map((status) => ({kind: status.job_id === selected ? 'selected' : '', cells: [
      {text: status.job_id, link: '#job=' + encodeURIComponent(status.job_id)},
      {text: status.state, kind: 'state ' + status.state},
      right(count(status.version) + ' / ' + count(status.spec.generations)),
      wide(quality(status.best, status.spec)),
      wide(ended(status) ? '–' : number(status.evaluations_per_second)),
      wide(ended(status) ? '–' : count(status.workers)),
      wide(remaining(status))]})));
    writeNote('jobs-left-out', view.left_out === '0' ? '' : 'and ' + count(view.left_out) + ' older ones: seedcast list');
    write(byId('version'), view.version);
  }

  function writeTotals(view, workers) {
    const running = view.jobs.filter((status) => status.state === 'RUNNING').length;
    const there = workers.workers.filter((worker) => !worker.lost);
    const slots = there.reduce((sum, worker) => sum + worker.slots, 0);
    write(byId('totals'), running + ' running · ' + (there.length + Number(workers.left_out)) + ' workers, ' + slots +
          ' slots · pairs: ' + count(view.pending_pairs) + ' waiting, ' + count(view.leased_pairs) + ' out');
  }

  function selectedJob() {
    const asked = new URLSearchParams(location.hash.slice(1)).get('job');
    if (asked && jobs.some((status) => status.job_id === asked)) return asked;
    const newest = [...jobs].reverse();
    const one = newest.find((status) => status.state === 'RUNNING') || newest[0];
    return one ? one.job_id : '';
  }

  // ---- One job.

  function taskOf(spec) {
    if (spec.proto_net) return 'Prototypical Network';
    if (spec.learned_optimizer) return 'learned optimizer';
    return spec.sphere ? 'sphere' : 'influence balancing';
  }

  function figuresOf(status) {
    const {last, best, last_validation: validation, spec} = status;
    const figures = [
      ['version', 'generation', count(status.version) + ' / ' + count(spec.generations)],
      ['fitness', 'mean fitness', last ? number(last.fitness_mean) : '–',
       last ? number(last.fitness_min) + ' to ' + number(last.fitness_max) : ''],
      ['validation', 'validation', quality(validation, spec), qualification(validation, spec)],
      ['best', 'best', quality(best, spec), qualification(best, spec)],
      ['running', 'running for', duration(status.running_seconds)],
      ['population', 'population', count(spec.strategy.population_size), spec.strategy.estimator],
      ['sigma', 'sigma', last ? number(last.sigma) : '–'],
      ['learning-rate', 'learning rate', last ? number(last.learning_rate) : '–'],
      ['failed', 'failed evaluations', count(status.failed_evaluations)],
      ['parameters', 'parameters', count(status.num_parameters)],
      ['bytes', 'bytes a generation', bytes(status.bytes_per_generation)],
      ['task', 'task', taskOf(spec), spec.numeric_class],
      ['submitted', 'submitted', new Date(1000 * status.submitted_unix_seconds).toLocaleString()],
      ['digest', 'digest', status.digest ? status.digest.slice(0, 12) + ' …' : '–', '', status.digest],
    ];
    if (!ended(status)) {
      figures.splice(4, 0, ['rate', 'evaluations/s', number(status.evaluations_per_second)],
                     ['remaining', 'remaining', remaining(status)],
                     ['workers', 'workers', count(status.workers), count(status.slots) + ' slots']);
    }
    if (status.dataset) figures.push(['dataset', 'data', status.dataset]);
    if (status.forked_from) figures.push(['forked-from', 'forked from', status.forked_from]);
    return figures;
  }

  function writeFigures(figures) {
    const list = byId('figures');
    figures.forEach(([field, label, text, more = '', title = ''], i) => {
      const box = child(list, i, 'div');
      write(child(box, 0, 'dt'), label);
      const value = child(box, 1, 'dd');
      value.dataset.field = field;
      value.title = title;
      write(child(value, 0, 'span'), text);
      write(child(value, 1, 'small'), more === '' ? '' : ' ' + more);
    });
    dropFrom(list, figures.length);
  }

  function writeButtons(status) {
    byId('buttons').hidden = !mayChange || ended(status);
    const shown = {pause: status.state === 'RUNNING', resume: status.state === 'PAUSED', cancel: true};
    for (const button of byId('buttons').children) button.hidden = !shown[button.dataset.action];
  }

  function writeTime(time) {
    byId('time-section').hidden = !time;
    if (!time) return;
    write(byId('time-generation'), count(time.generation));
    const parts = [['evaluation', 'evaluation', time.evaluation_seconds], ['lease-wait', 'waiting for leases', time.lease_wait_seconds],
                   ['update', 'update', time.update_seconds], ['store', 'store', time.store_seconds]];
    const known = parts.filter((part) => isNumber(part[2]));  // the last two are not, of a job that has ended
    const sum = known.reduce((total, part) => total + Number(part[2]), 0);
    known.forEach(([kind, label, seconds], i) => {
      const piece = child(byId('time-bar'), i, 'span');
      piece.className = kind;
      piece.style.flexGrow = sum > 0 ? Number(seconds) / sum : 0;
      const item = child(byId('time-parts'), i, 'li');
      child(item, 0, 'i').className = kind;
      write(child(item, 1, 'span'), label + ' ');
      const value = child(item, 2, 'b');
      value.dataset.part = kind;
      write(value, duration(seconds));
      write(child(item, 3, 'small'), sum > 0 ? ' ' + percent(seconds / sum) : '');
    });
    for (const list of ['time-bar', 'time-parts']) dropFrom(byId(list), known.length);
  }

  function writeClusters(last) {
    const clusters = last ? last.clusters : [], groups = last ? last.groups : [];
    byId('clusters-section').hidden = clusters.length === 0;
    writeRows('clusters', clusters.map((cluster) => ({cells: [
      cluster.name, right(count(cluster.group + 1)), right(number(cluster.fitness_mean)), right(duration(cluster.seconds)),
      wide(count(Number(cluster.failed) + Number(cluster.not_finite))), right(count(cluster.diverged))]})));

    byId('groups-section').hidden = groups.length === 0;
    const done = groups.map((group) => group.finished_seconds);
    const longest = Math.max(...done, 0);
    const mean = done.reduce((sum, seconds) => sum + seconds, 0) / done.length;
    write(byId('balance'), longest > 0 ? 'balance ' + percent(mean / longest) + ': mean time until done over the longest' : '');
    writeRows('groups', groups.map((group, i) => ({cells: [
      count(i + 1), right(count(group.workers)), wide(count(group.slots)),
      {text: duration(group.finished_seconds), share: longest > 0 ? group.finished_seconds / longest : 0},
      wide(duration(group.predicted_seconds)), right(duration(group.measured_seconds)), wide(count(group.stolen_pairs))]})));
  }

  // The last record of a job that is done has a validation only.
  function chartPoint(metrics, generations) {
    const fitness = metrics.generation !== generations;
    const {validation} = metrics;
    return {
      generation: Number(metrics.generation),
      mean: fitness ? Number(metrics.fitness_mean) : NaN,
      low: fitness ? Number(metrics.fitness_min) : NaN,
      high: fitness ? Number(metrics.fitness_max) : NaN,
      theta: validation ? Number(validation.fitness) : NaN,
      accuracy: validation ? Number(validation.accuracy) : NaN,
      interval: validation ? Number(validation.interval) : NaN,
    };
  }

  function writeCurve(view) {
    const {status} = view;
    for (const metrics of view.generations) curve.points.set(metrics.generation, metrics);
    const points = new Map(curve.points);
    if (status.last) points.set(status.last.generation, status.last);
    const sorted = [...points.values()].map((metrics) => chartPoint(metrics, status.spec.generations));
    Charts.show(sorted.sort((a, b) => a.generation - b.generation), number);
  }

  function writeJob(view) {
    const {status} = view;
    byId('job').hidden = false;
    write(byId('job-id'), status.job_id);
    write(byId('job-state'), status.state);
    byId('job-state').className = 'state ' + status.state;
    byId('job').dataset.version = status.version;
    writeNote('job-note', [actionError, status.message, status.numeric_class_note].filter((text) => text !== '').join(' — '));
    byId('progress').value = Number(status.version) / Number(status.spec.generations);
    document.title = status.job_id + ' ' + Math.floor(100 * byId('progress').value) + ' % – seedcast';
    writeButtons(status);
    writeFigures(figuresOf(status));
    writeTime(view.time);
    writeClusters(status.last);
    writeCurve(view);
    write(byId('spec'), JSON.stringify(status.spec, null, 2));
  }

  // ---- Workers.

  function stateOf(worker) {
    if (worker.lost) return 'lost';
    return worker.draining ? 'draining' : '';
  }

  function writeWorkers(view) {
    byId('no-workers').hidden = view.workers.length > 0;
    writeRows('workers', view.workers.map((worker) => ({kind: stateOf(worker), cells: [
      worker.worker_id + (stateOf(worker) ? ' (' + stateOf(worker) + ')' : ''),
      worker.numeric_classes.join(', '), wide(count(worker.slots)), wide(count(worker.leases)),
      right(worker.rates.map((rate) => number(rate.evaluations_per_second) + (worker.rates.length > 1 ? ' ' + rate.job_id : '')).join(', ') || '–',
            {title: 'as fast as it could be, with all slots on one job'}),
      right(worker.seen_seconds_ago < 1 ? 'now' : duration(Math.round(worker.seen_seconds_ago)) + ' ago')]})));
    writeNote('workers-left-out', view.left_out === '0' ? '' : 'and ' + count(view.left_out) + ' more');
  }

  // ---- Asking.

  async function ask(path, options) {
    const response = await fetch(path, options);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error || response.statusText);
    return answer;
  }

  async function askForJob(jobId) {
    if (curve.jobId !== jobId || curve.points.size > kMostPoints) curve = {jobId, points: new Map()};
    const after = Math.max(-1, ...[...curve.points.keys()].map(Number));
    const view = await ask('api/jobs/' + encodeURIComponent(jobId) + '?after=' + after);
    if (Number(view.status.version) >= after) return view;
    curve = {jobId, points: new Map()};  // another store behind the same address
    return askForJob(jobId);
  }

  async function refresh() {
    const [view, workers] = [await ask('api/jobs'), await ask('api/workers')];
    jobs = view.jobs;
    const selected = selectedJob();
    const job = selected === '' ? null : await askForJob(selected);
    writeJobs(view, selected);
    writeWorkers(workers);
    writeTotals(view, workers);
    byId('job').hidden = job === null;
    if (job !== null) writeJob(job);
  }

  let refreshing = null;

  async function refreshAndSay() {
    const freshness = byId('freshness');
    try {
      await refresh();
      lastAnswer = Date.now();
      freshness.className = '';
      write(freshness, 'live · ' + new Date(lastAnswer).toLocaleTimeString());
    } catch (error) {
      freshness.className = 'stale';
      const since = lastAnswer === 0 ? '' : ' since ' + new Date(lastAnswer).toLocaleTimeString();
      write(freshness, 'no answer' + since + ': ' + error.message);
    }
  }

  function refreshNow() {
    if (refreshing === null) refreshing = refreshAndSay().finally(() => { refreshing = null; });
    return refreshing;
  }

  async function change(action) {
    const jobId = byId('job-id').textContent;
    if (action === 'cancel' && !confirm('Cancel ' + jobId + '? It cannot be resumed.')) return;
    try {
      await ask('api/jobs/' + encodeURIComponent(jobId) + '/' + action, {method: 'POST', headers: {'X-Seedcast': '1'}});
      actionError = '';
    } catch (error) {
      actionError = action + ': ' + error.message;
    }
    await refreshing;
    await refreshNow();
  }

  for (const button of byId('buttons').children) button.addEventListener('click', () => change(button.dataset.action));
  addEventListener('hashchange', async () => {
    actionError = '';
    await refreshing;
    await refreshNow();
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) refreshNow(); });
  setInterval(() => { if (!document.hidden) refreshNow(); }, kPollMs);
  refreshNow();
})();
