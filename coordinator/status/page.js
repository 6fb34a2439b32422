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

  // Of an EvaluationResult: accuracy where the task has one, else fitness.
  function quality(result) {
    if (!result) return '–';
    return isNumber(result.accuracy) ? percent(result.accuracy) : number(result.fitness);
  }
  function interval(result) {
    if (!result) return '';
    return '± ' + (isNumber(result.accuracy) ? percent(result.interval) : number(result.interval));
  }

  const ended = (status) => status.state !== 'RUNNING' && status.state !== 'PAUSED';
  const remaining = (status) => status.state === 'RUNNING' && Number(status.etaSeconds) > 0 ? duration(status.etaSeconds) : '–';

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
    mayChange = view.mayChange;
    byId('no-jobs').hidden = jobs.length > 0;
    writeRows('jobs', [...jobs].reverse().map((status) => ({kind: status.jobId === selected ? 'selected' : '', cells: [
      {text: status.jobId, link: '#job=' + encodeURIComponent(status.jobId)},
      {text: status.state, kind: 'state ' + status.state},
      right(count(status.version) + ' / ' + count(status.spec.generations)),
      wide(quality(status.best)),
      wide(ended(status) ? '–' : number(status.evaluationsPerSecond)),
      wide(ended(status) ? '–' : count(status.workers)),
      wide(remaining(status))]})));
    writeNote('jobs-left-out', view.leftOut === '0' ? '' : 'and ' + count(view.leftOut) + ' older ones: seedcast list');
    write(byId('version'), view.version);
  }

  function writeTotals(view, workers) {
    const running = view.jobs.filter((status) => status.state === 'RUNNING').length;
    const there = workers.workers.filter((worker) => !worker.lost);
    const slots = there.reduce((sum, worker) => sum + worker.slots, 0);
    write(byId('totals'), running + ' running · ' + (there.length + Number(workers.leftOut)) + ' workers, ' + slots +
          ' slots · pairs: ' + count(view.pendingPairs) + ' waiting, ' + count(view.leasedPairs) + ' out');
  }

  function selectedJob() {
    const asked = new URLSearchParams(location.hash.slice(1)).get('job');
    if (asked && jobs.some((status) => status.jobId === asked)) return asked;
    const newest = [...jobs].reverse();
    const one = newest.find((status) => status.state === 'RUNNING') || newest[0];
    return one ? one.jobId : '';
  }

  // ---- One job.

  function taskOf(spec) {
    if (spec.protoNet) return 'Prototypical Network';
    if (spec.learnedOptimizer) return 'learned optimizer';
    return spec.sphere ? 'sphere' : 'influence balancing';
  }

  function figuresOf(status) {
    const {last, best, lastValidation: validation, spec} = status;
    const figures = [
      ['version', 'generation', count(status.version) + ' / ' + count(spec.generations)],
      ['fitness', 'mean fitness', last ? number(last.fitnessMean) : '–',
       last ? number(last.fitnessMin) + ' to ' + number(last.fitnessMax) : ''],
      ['validation', 'validation', quality(validation), validation ? interval(validation) + ' at ' + count(validation.version) : ''],
      ['best', 'best', quality(best), best ? interval(best) + ' at ' + count(best.version) : ''],
      ['rate', 'evaluations/s', ended(status) ? '–' : number(status.evaluationsPerSecond)],
      ['remaining', 'remaining', remaining(status)],
      ['running', 'running for', duration(status.runningSeconds)],
      ['workers', 'workers', ended(status) ? '–' : count(status.workers), ended(status) ? '' : count(status.slots) + ' slots'],
      ['population', 'population', count(spec.strategy.populationSize), spec.strategy.estimator],
      ['sigma', 'sigma', last ? number(last.sigma) : '–'],
      ['learning-rate', 'learning rate', last ? number(last.learningRate) : '–'],
      ['failed', 'failed evaluations', count(status.failedEvaluations)],
      ['parameters', 'parameters', count(status.numParameters)],
      ['bytes', 'sent a generation', bytes(status.bytesPerGeneration)],
      ['task', 'task', taskOf(spec), spec.numericClass],
      ['submitted', 'submitted', new Date(1000 * status.submittedUnixSeconds).toLocaleString()],
      ['digest', 'digest', status.digest.slice(0, 12) + ' …', '', status.digest],
    ];
    if (status.dataset) figures.push(['dataset', 'data', status.dataset]);
    if (status.forkedFrom) figures.push(['forked-from', 'forked from', status.forkedFrom]);
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
    const parts = [['evaluation', 'evaluation', time.evaluationSeconds], ['lease-wait', 'waiting for leases', time.leaseWaitSeconds],
                   ['update', 'update', time.updateSeconds], ['store', 'store', time.storeSeconds]];
    const known = (seconds) => isNumber(seconds) ? Number(seconds) : 0;
    const sum = parts.reduce((total, part) => total + known(part[2]), 0);
    parts.forEach(([kind, label, seconds], i) => {
      const piece = child(byId('time-bar'), i, 'span');
      piece.className = kind;
      piece.style.flexGrow = sum > 0 ? known(seconds) / sum : 0;
      const item = child(byId('time-parts'), i, 'li');
      child(item, 0, 'i').className = kind;
      write(child(item, 1, 'span'), label + ' ');
      const value = child(item, 2, 'b');
      value.dataset.part = kind;
      write(value, isNumber(seconds) ? duration(seconds) : 'not known any more');
      write(child(item, 3, 'small'), isNumber(seconds) && sum > 0 ? ' ' + percent(seconds / sum) : '');
    });
  }

  function writeClusters(last) {
    const clusters = last ? last.clusters : [], groups = last ? last.groups : [];
    byId('clusters-section').hidden = clusters.length === 0;
    writeRows('clusters', clusters.map((cluster) => ({cells: [
      cluster.name, right(count(cluster.group + 1)), right(number(cluster.fitnessMean)), right(duration(cluster.seconds)),
      right(count(Number(cluster.failed) + Number(cluster.notFinite))), right(count(cluster.diverged))]})));

    byId('groups-section').hidden = groups.length === 0;
    const done = groups.map((group) => group.finishedSeconds);
    const longest = Math.max(...done, 0);
    const mean = done.reduce((sum, seconds) => sum + seconds, 0) / done.length;
    write(byId('balance'), longest > 0 ? 'balance ' + percent(mean / longest) + ': mean time until done over the longest' : '');
    writeRows('groups', groups.map((group, i) => ({cells: [
      count(i + 1), right(count(group.workers)),
      {text: duration(group.finishedSeconds), share: longest > 0 ? group.finishedSeconds / longest : 0},
      right(duration(group.predictedSeconds)), right(duration(group.measuredSeconds)), right(count(group.stolenPairs))]})));
  }

  // The last record of a job that is done has a validation only.
  function chartPoint(metrics, generations) {
    const fitness = metrics.generation !== generations;
    const {validation} = metrics;
    return {
      generation: Number(metrics.generation),
      mean: fitness ? Number(metrics.fitnessMean) : NaN,
      low: fitness ? Number(metrics.fitnessMin) : NaN,
      high: fitness ? Number(metrics.fitnessMax) : NaN,
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
    write(byId('job-id'), status.jobId);
    write(byId('job-state'), status.state);
    byId('job-state').className = 'state ' + status.state;
    byId('job').dataset.version = status.version;
    writeNote('job-note', [actionError, status.message, status.numericClassNote].filter((text) => text !== '').join(' — '));
    byId('progress').value = Number(status.version) / Number(status.spec.generations);
    document.title = status.jobId + ' ' + Math.floor(100 * byId('progress').value) + ' % – seedcast';
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
      worker.workerId + (stateOf(worker) ? ' (' + stateOf(worker) + ')' : ''),
      worker.numericClasses.join(', '), wide(count(worker.slots)), wide(count(worker.leases)),
      right(worker.rates.map((rate) => number(rate.evaluationsPerSecond) + (worker.rates.length > 1 ? ' ' + rate.jobId : '')).join(', ') || '–',
            {title: 'as fast as it could be, with all slots on one job'}),
      right(duration(worker.seenSecondsAgo) + ' ago')]})));
    writeNote('workers-left-out', view.leftOut === '0' ? '' : 'and ' + count(view.leftOut) + ' more');
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
