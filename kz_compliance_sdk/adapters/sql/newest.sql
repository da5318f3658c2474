-- Made from the migrations by `python -m tests.generate`. Do not edit.
CREATE TABLE kz_compliance_schema (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT kz_compliance_schema_pkc PRIMARY KEY (version_num)
);
CREATE TABLE audit (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	seq INTEGER NOT NULL,
	at BIGINT NOT NULL,
	kind VARCHAR(32) NOT NULL,
	actor VARCHAR(128) NOT NULL,
	content BLOB NOT NULL,
	prev VARCHAR(64) NOT NULL,
	hash VARCHAR(64) NOT NULL,
	PRIMARY KEY (platform_id, case_id, seq),
	CONSTRAINT audit_holds_bytes CHECK (typeof(content) = 'blob')
)
 WITHOUT ROWID;
CREATE TABLE cases (
	platform_id VARCHAR(64) NOT NULL,
	id VARCHAR(36) NOT NULL,
	notice_id VARCHAR(160) NOT NULL,
	authority_id VARCHAR(128) NOT NULL,
	quarantine_no INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	version INTEGER NOT NULL,
	category VARCHAR(64) NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	urgent_at BIGINT NOT NULL,
	watch_at BIGINT,
	closed_at BIGINT,
	lease_token BIGINT NOT NULL,
	lease_owner VARCHAR(128) NOT NULL,
	lease_expires_at BIGINT,
	audit_seq INTEGER NOT NULL,
	audit_head VARCHAR(64) NOT NULL,
	doc TEXT NOT NULL, data_key BLOB, private BLOB DEFAULT '' NOT NULL,
	PRIMARY KEY (platform_id, id)
)
 WITHOUT ROWID;
CREATE INDEX cases_claimable ON cases (platform_id, urgent_at, id) WHERE state = 'queued';
CREATE INDEX cases_ended ON cases (platform_id, closed_at, id) WHERE closed_at IS NOT NULL;
CREATE INDEX cases_in_hand ON cases (platform_id, urgent_at, id) WHERE closed_at IS NULL AND state <> 'queued';
CREATE INDEX cases_leased ON cases (platform_id, lease_expires_at) WHERE lease_expires_at IS NOT NULL;
CREATE UNIQUE INDEX cases_notice ON cases (platform_id, notice_id, authority_id, quarantine_no);
CREATE INDEX cases_watched ON cases (platform_id, watch_at) WHERE watch_at IS NOT NULL;
CREATE TABLE cursors (
	platform_id VARCHAR(64) NOT NULL,
	feed VARCHAR(64) NOT NULL,
	cursor VARCHAR(512) NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, feed)
)
 WITHOUT ROWID;
CREATE TABLE decisions (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	version INTEGER NOT NULL,
	digest VARCHAR(64) NOT NULL,
	body BLOB NOT NULL,
	proposed_by VARCHAR(128) NOT NULL,
	proposed_at BIGINT NOT NULL,
	needs_approval BOOLEAN NOT NULL,
	approved_by VARCHAR(128),
	approved_at BIGINT,
	PRIMARY KEY (platform_id, case_id, version),
	CONSTRAINT decisions_approval_is_whole CHECK ((approved_by IS NULL) = (approved_at IS NULL)),
	CONSTRAINT decisions_four_eyes CHECK (approved_by IS NULL OR approved_by <> proposed_by),
	CONSTRAINT decisions_holds_bytes CHECK (typeof(body) = 'blob')
)
 WITHOUT ROWID;
CREATE TABLE endpoints (
	platform_id VARCHAR(64) NOT NULL,
	endpoint VARCHAR(32) NOT NULL,
	failures INTEGER NOT NULL,
	open_until BIGINT NOT NULL,
	last_success_at BIGINT NOT NULL,
	last_failure VARCHAR(200) NOT NULL,
	PRIMARY KEY (platform_id, endpoint)
)
 WITHOUT ROWID;
CREATE TABLE escalations (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	step VARCHAR(80) NOT NULL,
	fired_at BIGINT NOT NULL,
	level INTEGER NOT NULL,
	audience VARCHAR(200) NOT NULL,
	acknowledged_by VARCHAR(128),
	acknowledged_at BIGINT,
	PRIMARY KEY (platform_id, case_id, step)
)
 WITHOUT ROWID;
CREATE TABLE heartbeats (
	platform_id VARCHAR(64) NOT NULL,
	part VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	detail VARCHAR(200) NOT NULL,
	PRIMARY KEY (platform_id, part)
)
 WITHOUT ROWID;
CREATE TABLE holds (
	platform_id VARCHAR(64) NOT NULL,
	object_key VARCHAR(2200) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	item_id VARCHAR(128) NOT NULL,
	action VARCHAR(32) NOT NULL,
	ground VARCHAR(32) NOT NULL,
	version BIGINT NOT NULL, preserve_until BIGINT, preservation_ended_at BIGINT,
	PRIMARY KEY (platform_id, object_key, case_id, item_id)
)
 WITHOUT ROWID;
CREATE TABLE inbox (
	platform_id VARCHAR(64) NOT NULL,
	sender VARCHAR(128) NOT NULL,
	message_id VARCHAR(160) NOT NULL,
	body_sha256 VARCHAR(64) NOT NULL,
	type VARCHAR(32) NOT NULL,
	source VARCHAR(8) NOT NULL,
	body BLOB NOT NULL,
	proof BLOB NOT NULL,
	received_at BIGINT NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	notice_id VARCHAR(160) NOT NULL,
	exit VARCHAR(12) NOT NULL,
	status INTEGER NOT NULL,
	reply BLOB NOT NULL,
	deliveries INTEGER NOT NULL, data_key BLOB,
	PRIMARY KEY (platform_id, sender, message_id, body_sha256),
	CONSTRAINT inbox_holds_bytes CHECK (typeof(body) = 'blob' AND typeof(proof) = 'blob' AND typeof(reply) = 'blob')
)
 WITHOUT ROWID;
CREATE INDEX inbox_case ON inbox (platform_id, case_id, received_at);
CREATE INDEX inbox_waiting ON inbox (platform_id, notice_id) WHERE exit = 'waiting';
CREATE TABLE objects (
	platform_id VARCHAR(64) NOT NULL,
	object_key VARCHAR(2200) NOT NULL,
	version BIGINT NOT NULL,
	PRIMARY KEY (platform_id, object_key)
)
 WITHOUT ROWID;
CREATE TABLE outbox (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	id VARCHAR(36) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	endpoint VARCHAR(32) NOT NULL,
	body BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	next_attempt_at BIGINT NOT NULL,
	deadline_at BIGINT,
	state VARCHAR(8) NOT NULL,
	attempts INTEGER NOT NULL,
	refusals INTEGER NOT NULL,
	refused_since BIGINT,
	maybe_arrived BOOLEAN NOT NULL,
	lane VARCHAR(200) NOT NULL,
	lane_seq BIGINT NOT NULL,
	item_id VARCHAR(128) NOT NULL,
	lease_token BIGINT NOT NULL,
	lease_expires_at BIGINT,
	settled_at BIGINT,
	receipt BLOB NOT NULL,
	receipt_proof BLOB NOT NULL,
	PRIMARY KEY (platform_id, case_id, id),
	CONSTRAINT outbox_holds_bytes CHECK (typeof(body) = 'blob' AND typeof(receipt) = 'blob' AND typeof(receipt_proof) = 'blob')
)
 WITHOUT ROWID;
CREATE INDEX outbox_due ON outbox (platform_id, endpoint, coalesce(deadline_at, created_at), next_attempt_at) WHERE state IN ('queued', 'leased');
CREATE INDEX outbox_held ON outbox (platform_id, id) WHERE state IN ('waiting', 'parked');
CREATE INDEX outbox_lane ON outbox (platform_id, lane, lane_seq) WHERE state IN ('queued', 'leased') AND lane <> '';
CREATE TABLE refusals (
	platform_id VARCHAR(64) NOT NULL,
	key_id VARCHAR(128) NOT NULL,
	code VARCHAR(64) NOT NULL,
	count BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, key_id, code)
)
 WITHOUT ROWID;
CREATE TABLE sanctions (
	platform_id VARCHAR(64) NOT NULL,
	sanction_id VARCHAR(128) NOT NULL,
	level VARCHAR(16) NOT NULL,
	notice_ids TEXT NOT NULL,
	effective_at BIGINT NOT NULL,
	reference_number VARCHAR(1000) NOT NULL,
	received_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, sanction_id)
)
 WITHOUT ROWID;
CREATE TABLE volumes (
	platform_id VARCHAR(64) NOT NULL,
	name VARCHAR(160) NOT NULL,
	at BIGINT NOT NULL,
	notices INTEGER NOT NULL,
	PRIMARY KEY (platform_id, name, at)
)
 WITHOUT ROWID;
CREATE TABLE legal_checks (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	version INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	digest VARCHAR(64) NOT NULL,
	body BLOB NOT NULL,
	answered_by VARCHAR(128) NOT NULL,
	answered_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, case_id, version),
	CONSTRAINT legal_checks_holds_bytes CHECK (typeof(body) = 'blob')
)
 WITHOUT ROWID;
CREATE TABLE content_seen (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	item_id VARCHAR(128) NOT NULL,
	n INTEGER NOT NULL,
	reference VARCHAR(64) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	object_id BLOB NOT NULL,
	available BOOLEAN NOT NULL,
	fault VARCHAR(64) NOT NULL,
	seen_by VARCHAR(128) NOT NULL,
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, case_id, item_id, n)
)
 WITHOUT ROWID;
CREATE INDEX holds_preserved ON holds (platform_id, preserve_until) WHERE preserve_until IS NOT NULL AND preservation_ended_at IS NULL;
CREATE TABLE user_notices (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	message_id VARCHAR(36) NOT NULL,
	item_id VARCHAR(128) NOT NULL,
	lane VARCHAR(80) NOT NULL,
	decision_version INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	state VARCHAR(8) NOT NULL,
	due_at BIGINT NOT NULL,
	sent_at BIGINT,
	delay_until BIGINT,
	basis VARCHAR(8) NOT NULL,
	PRIMARY KEY (platform_id, case_id, message_id),
	CONSTRAINT user_notices_delay_is_grounded CHECK (state <> 'delayed' OR (delay_until IS NOT NULL AND basis <> '')),
	CONSTRAINT user_notices_sent_is_dated CHECK ((state = 'sent') = (sent_at IS NOT NULL))
)
 WITHOUT ROWID;
CREATE TABLE appeals (
	platform_id VARCHAR(64) NOT NULL,
	appeal_id VARCHAR(36) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	item_id VARCHAR(128) NOT NULL,
	lane VARCHAR(80) NOT NULL,
	reference VARCHAR(128) NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	decision_version INTEGER NOT NULL,
	proposed_by VARCHAR(128) NOT NULL,
	approved_by VARCHAR(128) NOT NULL,
	state VARCHAR(12) NOT NULL,
	decided_by VARCHAR(128) NOT NULL,
	decided_at BIGINT,
	PRIMARY KEY (platform_id, appeal_id),
	CONSTRAINT appeals_four_eyes CHECK (decided_by = '' OR (decided_by <> proposed_by AND decided_by <> approved_by)),
	CONSTRAINT appeals_decision_names_its_decider CHECK ((state IN ('upheld', 'reversed')) = (decided_by <> '')),
	CONSTRAINT appeals_reference UNIQUE (platform_id, reference)
)
 WITHOUT ROWID;
CREATE INDEX appeals_due ON appeals (platform_id, state, due_at, appeal_id);
CREATE INDEX appeals_case ON appeals (platform_id, case_id);
CREATE TABLE checkpoint_due (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	marks BIGINT NOT NULL,
	PRIMARY KEY (platform_id, case_id)
)
 WITHOUT ROWID;
CREATE TABLE checkpoint_leaves (
	platform_id VARCHAR(64) NOT NULL,
	n BIGINT NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	hash VARCHAR(64) NOT NULL,
	content BLOB NOT NULL,
	manifest BLOB NOT NULL,
	PRIMARY KEY (platform_id, n),
	CONSTRAINT checkpoint_leaves_holds_bytes CHECK (typeof(content) = 'blob' AND typeof(manifest) = 'blob')
)
 WITHOUT ROWID;
CREATE UNIQUE INDEX checkpoint_leaves_case ON checkpoint_leaves (platform_id, case_id, n);
CREATE TABLE checkpoints (
	platform_id VARCHAR(64) NOT NULL,
	number INTEGER NOT NULL,
	size BIGINT NOT NULL,
	root VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	complete BOOLEAN NOT NULL,
	peaks BLOB NOT NULL,
	line BLOB NOT NULL,
	left_out INTEGER NOT NULL,
	told_at BIGINT,
	PRIMARY KEY (platform_id, number),
	CONSTRAINT checkpoints_holds_bytes CHECK (typeof(peaks) = 'blob' AND typeof(line) = 'blob')
)
 WITHOUT ROWID;
CREATE INDEX holds_case ON holds (platform_id, case_id);
CREATE TABLE platform_keys (
	platform_id VARCHAR(64) NOT NULL,
	name VARCHAR(64) NOT NULL,
	"key" BLOB NOT NULL,
	PRIMARY KEY (platform_id, name)
)
 WITHOUT ROWID;
CREATE TABLE "sealed_texts" (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	seq INTEGER NOT NULL,
	name VARCHAR(200) NOT NULL,
	salt BLOB NOT NULL,
	text BLOB NOT NULL,
	PRIMARY KEY (platform_id, case_id, seq, name)
)
 WITHOUT ROWID;
CREATE TABLE "attempts" (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	message_id VARCHAR(36) NOT NULL,
	number INTEGER NOT NULL,
	started_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL,
	result VARCHAR(32) NOT NULL,
	detail BLOB NOT NULL,
	PRIMARY KEY (platform_id, case_id, message_id, number)
)
 WITHOUT ROWID;
CREATE TABLE tallies (
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	received_at BIGINT NOT NULL,
	issued_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	decided_at BIGINT,
	receipt_at BIGINT,
	facts TEXT NOT NULL,
	PRIMARY KEY (platform_id, case_id)
)
 WITHOUT ROWID;
CREATE INDEX tallies_received ON tallies (platform_id, received_at, case_id);
CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'attempts_stay: nothing is deleted from here'); END;
CREATE TRIGGER audit_stay BEFORE DELETE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_stay: nothing is deleted from here'); END;
CREATE TRIGGER cases_stay BEFORE DELETE ON cases FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'cases_stay: nothing is deleted from here'); END;
CREATE TRIGGER decisions_stay BEFORE DELETE ON decisions FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'decisions_stay: nothing is deleted from here'); END;
CREATE TRIGGER inbox_stay BEFORE DELETE ON inbox FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'inbox_stay: nothing is deleted from here'); END;
CREATE TRIGGER legal_checks_stay BEFORE DELETE ON legal_checks FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'legal_checks_stay: nothing is deleted from here'); END;
CREATE TRIGGER outbox_stay BEFORE DELETE ON outbox FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'outbox_stay: nothing is deleted from here'); END;
CREATE TRIGGER checkpoint_leaves_stay BEFORE DELETE ON checkpoint_leaves FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'checkpoint_leaves_stay: nothing is deleted from here'); END;
CREATE TRIGGER checkpoints_stay BEFORE DELETE ON checkpoints FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'checkpoints_stay: nothing is deleted from here'); END;
CREATE TRIGGER audit_never_changes BEFORE UPDATE ON audit FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'audit_never_changes: an audit event never changes'); END;
CREATE TRIGGER decisions_never_change BEFORE UPDATE ON decisions FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.version IS NOT OLD.version OR NEW.digest IS NOT OLD.digest OR NEW.proposed_by IS NOT OLD.proposed_by OR NEW.proposed_at IS NOT OLD.proposed_at OR NEW.needs_approval IS NOT OLD.needs_approval OR (length(NEW.body) > 0 AND NEW.body IS NOT OLD.body) BEGIN SELECT RAISE(ABORT, 'decisions_never_change: a decision never changes: propose another'); END;
CREATE TRIGGER decisions_approved_once BEFORE UPDATE ON decisions FOR EACH ROW WHEN OLD.approved_by IS NOT NULL AND (NEW.approved_by IS NOT OLD.approved_by OR NEW.approved_at IS NOT OLD.approved_at) BEGIN SELECT RAISE(ABORT, 'decisions_approved_once: an approval never changes'); END;
CREATE TRIGGER decisions_begin_unapproved BEFORE INSERT ON decisions FOR EACH ROW WHEN NEW.approved_by IS NOT NULL BEGIN SELECT RAISE(ABORT, 'decisions_begin_unapproved: a decision is proposed first, then approved'); END;
CREATE TRIGGER decisions_written_once BEFORE INSERT ON decisions FOR EACH ROW WHEN EXISTS (SELECT 1 FROM decisions WHERE platform_id = NEW.platform_id AND case_id = NEW.case_id AND version = NEW.version) BEGIN SELECT RAISE(ABORT, 'decisions_written_once: there is a decision of this version'); END;
CREATE TRIGGER legal_checks_never_change BEFORE UPDATE ON legal_checks FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.version IS NOT OLD.version OR NEW.revision IS NOT OLD.revision OR NEW.digest IS NOT OLD.digest OR NEW.answered_by IS NOT OLD.answered_by OR NEW.answered_at IS NOT OLD.answered_at OR (length(NEW.body) > 0 AND NEW.body IS NOT OLD.body) BEGIN SELECT RAISE(ABORT, 'legal_checks_never_change: the answers to a legal check never change: answer anew'); END;
CREATE TRIGGER inbox_never_changes BEFORE UPDATE ON inbox FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.sender IS NOT OLD.sender OR NEW.message_id IS NOT OLD.message_id OR NEW.body_sha256 IS NOT OLD.body_sha256 OR NEW.source IS NOT OLD.source OR NEW.received_at IS NOT OLD.received_at OR (length(NEW.body) > 0 AND NEW.body IS NOT OLD.body) BEGIN SELECT RAISE(ABORT, 'inbox_never_changes: what was received never changes'); END;
CREATE TRIGGER cases_only_move_on BEFORE UPDATE ON cases FOR EACH ROW WHEN NEW.version < OLD.version OR (NEW.version = OLD.version AND (NEW.notice_id IS NOT OLD.notice_id OR NEW.authority_id IS NOT OLD.authority_id OR NEW.quarantine_no IS NOT OLD.quarantine_no OR NEW.revision IS NOT OLD.revision OR NEW.state IS NOT OLD.state OR NEW.category IS NOT OLD.category OR NEW.received_at IS NOT OLD.received_at OR NEW.due_at IS NOT OLD.due_at OR NEW.urgent_at IS NOT OLD.urgent_at OR NEW.watch_at IS NOT OLD.watch_at OR NEW.closed_at IS NOT OLD.closed_at OR NEW.lease_token IS NOT OLD.lease_token OR NEW.lease_owner IS NOT OLD.lease_owner OR NEW.lease_expires_at IS NOT OLD.lease_expires_at OR NEW.audit_seq IS NOT OLD.audit_seq OR NEW.audit_head IS NOT OLD.audit_head OR NEW.doc IS NOT OLD.doc)) OR NEW.lease_token < OLD.lease_token OR NEW.audit_seq < OLD.audit_seq OR NEW.platform_id IS NOT OLD.platform_id OR NEW.id IS NOT OLD.id BEGIN SELECT RAISE(ABORT, 'cases_only_move_on: the version of a case grows with each change; its lease token and its count of events never go back'); END;
CREATE TRIGGER attempts_never_change BEFORE UPDATE ON attempts FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.message_id IS NOT OLD.message_id OR NEW.number IS NOT OLD.number OR NEW.started_at IS NOT OLD.started_at OR (OLD.result <> 'lost' AND (NEW.ended_at IS NOT OLD.ended_at OR NEW.result IS NOT OLD.result OR (length(NEW.detail) > 0 AND NEW.detail IS NOT OLD.detail))) BEGIN SELECT RAISE(ABORT, 'attempts_never_change: an attempt never changes once its result is known'); END;
CREATE TRIGGER outbox_only_moves_on BEFORE UPDATE ON outbox FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.id IS NOT OLD.id OR NEW.kind IS NOT OLD.kind OR NEW.lane_seq IS NOT OLD.lane_seq OR NEW.item_id IS NOT OLD.item_id OR NEW.created_at IS NOT OLD.created_at OR (length(NEW.body) > 0 AND NEW.body IS NOT OLD.body) OR (length(NEW.lane) > 0 AND NEW.lane IS NOT OLD.lane) OR (length(OLD.receipt) > 0 AND ((length(NEW.receipt) > 0 AND NEW.receipt IS NOT OLD.receipt))) OR NEW.attempts < OLD.attempts OR NEW.lease_token < OLD.lease_token BEGIN SELECT RAISE(ABORT, 'outbox_only_moves_on: what leaves never changes, and neither does its receipt'); END;
CREATE TRIGGER checkpoint_leaves_never_change BEFORE UPDATE ON checkpoint_leaves FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.n IS NOT OLD.n OR NEW.case_id IS NOT OLD.case_id OR NEW.hash IS NOT OLD.hash OR NEW.content IS NOT OLD.content OR (length(NEW.manifest) > 0 AND NEW.manifest IS NOT OLD.manifest) BEGIN SELECT RAISE(ABORT, 'checkpoint_leaves_never_change: a leaf never changes: later ones follow it'); END;
CREATE TRIGGER checkpoints_never_change BEFORE UPDATE ON checkpoints FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.number IS NOT OLD.number OR NEW.size IS NOT OLD.size OR NEW.root IS NOT OLD.root OR NEW.at IS NOT OLD.at OR NEW.complete IS NOT OLD.complete OR NEW.peaks IS NOT OLD.peaks OR NEW.line IS NOT OLD.line OR NEW.left_out IS NOT OLD.left_out OR (OLD.told_at IS NOT NULL AND (NEW.told_at IS NOT OLD.told_at)) BEGIN SELECT RAISE(ABORT, 'checkpoints_never_change: a checkpoint never changes, and neither does the time at which it was handed out'); END;
CREATE TRIGGER sealed_texts_never_change BEFORE UPDATE ON sealed_texts FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.seq IS NOT OLD.seq OR NEW.name IS NOT OLD.name OR (length(NEW.text) > 0 AND NEW.text IS NOT OLD.text) OR (length(NEW.salt) > 0 AND NEW.salt IS NOT OLD.salt) BEGIN SELECT RAISE(ABORT, 'sealed_texts_never_change: a sealed text is erased, or stays as it is'); END;
ANALYZE sqlite_schema;
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals_case', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals_due', '1000000 500000 100000 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals_reference', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('attempts', 'attempts', '1000000 500000 3 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('audit', 'audit', '1000000 500000 8 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_claimable', '10000 5000 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_ended', '1000000 500000 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_in_hand', '1000 500 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_leased', '100 50 2');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_notice', '1000000 500000 1 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_watched', '10000 5000 2');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('checkpoint_due', 'checkpoint_due', '1000 500 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('checkpoint_leaves', 'checkpoint_leaves', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('checkpoint_leaves', 'checkpoint_leaves_case', '1000000 500000 3 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('checkpoints', 'checkpoints', '10000 5000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('content_seen', 'content_seen', '1000000 500000 3 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('decisions', 'decisions', '1000000 500000 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('holds', 'holds', '1000000 500000 1 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('holds', 'holds_case', '1000000 500000 2 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('holds', 'holds_preserved', '1000000 500000 2');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox', '1000000 500000 100000 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox_case', '1000000 500000 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox_waiting', '10 5 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('legal_checks', 'legal_checks', '1000000 500000 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox', '1000000 500000 3 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_due', '1000 500 200 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_held', '10 5 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_lane', '1000 500 1 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('sealed_texts', 'sealed_texts', '1000000 500000 8 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('tallies', 'tallies', '1000000 500000 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('tallies', 'tallies_received', '1000000 500000 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('user_notices', 'user_notices', '1000000 500000 2 1');
INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('volumes', 'volumes', '10000 5000 300 1');
INSERT INTO kz_compliance_schema (version_num) VALUES ('0009');
