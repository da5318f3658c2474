CREATE TABLE cases (
	stream INTEGER NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	id VARCHAR(36) NOT NULL,
	notice_id VARCHAR(160) NOT NULL,
	authority_id VARCHAR(128) NOT NULL,
	quarantine_no INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	category VARCHAR(64) NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	urgent_at BIGINT NOT NULL,
	closed_at BIGINT,
	lease_token BIGINT NOT NULL,
	lease_owner VARCHAR(128) NOT NULL,
	lease_expires_at BIGINT,
	erased_at BIGINT,
	flags TEXT NOT NULL,
	PRIMARY KEY (stream)
)

CREATE INDEX cases_claimable ON cases (platform_id, urgent_at) WHERE state = 'queued'

CREATE INDEX cases_claimable_authority_id ON cases (platform_id, authority_id, urgent_at) WHERE state = 'queued'

CREATE INDEX cases_claimable_category ON cases (platform_id, category, urgent_at) WHERE state = 'queued'

CREATE INDEX cases_ended ON cases (platform_id, closed_at) WHERE closed_at IS NOT NULL

CREATE INDEX cases_in_hand ON cases (platform_id, urgent_at) WHERE closed_at IS NULL AND state <> 'queued'

CREATE INDEX cases_in_hand_authority_id ON cases (platform_id, authority_id, urgent_at) WHERE closed_at IS NULL AND state <> 'queued'

CREATE INDEX cases_in_hand_category ON cases (platform_id, category, urgent_at) WHERE closed_at IS NULL AND state <> 'queued'

CREATE INDEX cases_leased ON cases (platform_id, lease_expires_at) WHERE lease_expires_at IS NOT NULL

CREATE UNIQUE INDEX cases_notice ON cases (platform_id, notice_id, authority_id, quarantine_no)

CREATE INDEX cases_paused ON cases (platform_id) WHERE closed_at IS NULL AND urgent_at > due_at

CREATE TABLE watches (
	stream INTEGER NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	watch_at BIGINT NOT NULL,
	running_watch_at BIGINT,
	PRIMARY KEY (stream)
)

CREATE INDEX watches_due ON watches (platform_id, watch_at)

CREATE TABLE outbox (
	stream INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	endpoint VARCHAR(32) NOT NULL,
	alert BLOB NOT NULL,
	created_at BIGINT NOT NULL,
	deadline_at BIGINT,
	state VARCHAR(8) NOT NULL,
	lane VARCHAR(200) NOT NULL,
	lane_seq BIGINT NOT NULL,
	PRIMARY KEY (stream, id),
	CONSTRAINT outbox_holds_bytes CHECK (typeof(alert) = 'blob')
)
 WITHOUT ROWID

CREATE INDEX outbox_alerts ON outbox (platform_id, id) WHERE case_id = ''

CREATE INDEX outbox_held ON outbox (platform_id, id) WHERE state IN ('waiting', 'parked')

CREATE INDEX outbox_lane ON outbox (platform_id, lane, lane_seq) WHERE state = 'queued' AND lane <> ''

CREATE TABLE leases (
	stream INTEGER NOT NULL,
	id VARCHAR(36) NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	endpoint VARCHAR(32) NOT NULL,
	urgent_at BIGINT NOT NULL,
	next_at BIGINT,
	attempts INTEGER NOT NULL,
	refusals INTEGER NOT NULL,
	refused_since BIGINT,
	token BIGINT NOT NULL,
	expires_at BIGINT,
	PRIMARY KEY (stream, id)
)
 WITHOUT ROWID

CREATE INDEX leases_alerts ON leases (platform_id, id) WHERE case_id = ''

CREATE INDEX leases_due ON leases (platform_id, endpoint, urgent_at, next_at) WHERE next_at IS NOT NULL

CREATE TABLE attempts (
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
 WITHOUT ROWID

CREATE TABLE cursors (
	platform_id VARCHAR(64) NOT NULL,
	feed VARCHAR(64) NOT NULL,
	cursor VARCHAR(512) NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, feed)
)
 WITHOUT ROWID

CREATE TABLE platform_keys (
	platform_id VARCHAR(64) NOT NULL,
	name VARCHAR(64) NOT NULL,
	"key" BLOB NOT NULL,
	PRIMARY KEY (platform_id, name)
)
 WITHOUT ROWID

CREATE TABLE endpoints (
	platform_id VARCHAR(64) NOT NULL,
	endpoint VARCHAR(32) NOT NULL,
	failures INTEGER NOT NULL,
	open_until BIGINT NOT NULL,
	last_success_at BIGINT NOT NULL,
	last_failure VARCHAR(200) NOT NULL,
	PRIMARY KEY (platform_id, endpoint)
)
 WITHOUT ROWID

CREATE TABLE heartbeats (
	platform_id VARCHAR(64) NOT NULL,
	part VARCHAR(64) NOT NULL,
	at BIGINT NOT NULL,
	detail VARCHAR(200) NOT NULL,
	PRIMARY KEY (platform_id, part)
)
 WITHOUT ROWID

CREATE TABLE refusals (
	platform_id VARCHAR(64) NOT NULL,
	key_id VARCHAR(128) NOT NULL,
	code VARCHAR(64) NOT NULL,
	count BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, key_id, code)
)
 WITHOUT ROWID

CREATE TABLE volumes (
	platform_id VARCHAR(64) NOT NULL,
	name VARCHAR(160) NOT NULL,
	at BIGINT NOT NULL,
	notices INTEGER NOT NULL,
	PRIMARY KEY (platform_id, name, at)
)
 WITHOUT ROWID

CREATE TABLE streams (
	n INTEGER NOT NULL,
	platform VARCHAR(64) NOT NULL,
	name VARCHAR(200) NOT NULL,
	PRIMARY KEY (n)
)

CREATE UNIQUE INDEX streams_name ON streams (platform, name)

CREATE TABLE events (
	stream INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	at BIGINT NOT NULL,
	kind VARCHAR(40) NOT NULL,
	content BLOB NOT NULL,
	people BLOB NOT NULL,
	hash BLOB NOT NULL,
	mac BLOB NOT NULL,
	key_id BLOB NOT NULL,
	PRIMARY KEY (stream, seq),
	CONSTRAINT events_holds_bytes CHECK (typeof(content) = 'blob' AND typeof(people) = 'blob' AND typeof(hash) = 'blob' AND typeof(mac) = 'blob' AND typeof(key_id) = 'blob')
)
 WITHOUT ROWID

CREATE TABLE parts (
	stream INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	name VARCHAR(200) NOT NULL,
	class VARCHAR(8) NOT NULL,
	bytes BLOB,
	PRIMARY KEY (stream, seq, name)
)
 WITHOUT ROWID

CREATE TABLE keys (
	stream INTEGER NOT NULL,
	class VARCHAR(8) NOT NULL,
	wrapped BLOB NOT NULL,
	master_key_id VARCHAR(128) NOT NULL,
	PRIMARY KEY (stream, class),
	CONSTRAINT keys_holds_bytes CHECK (typeof(wrapped) = 'blob')
)
 WITHOUT ROWID

CREATE TABLE log (
	platform VARCHAR(64) NOT NULL,
	n BIGINT NOT NULL,
	stream INTEGER NOT NULL,
	seq INTEGER NOT NULL,
	hash BLOB NOT NULL,
	PRIMARY KEY (platform, n),
	CONSTRAINT log_holds_bytes CHECK (typeof(hash) = 'blob')
)
 WITHOUT ROWID

CREATE UNIQUE INDEX log_stream ON log (stream, seq)

CREATE TABLE tiles (
	platform VARCHAR(64) NOT NULL,
	level INTEGER NOT NULL,
	n BIGINT NOT NULL,
	hash BLOB NOT NULL,
	PRIMARY KEY (platform, level, n),
	CONSTRAINT tiles_holds_bytes CHECK (typeof(hash) = 'blob')
)
 WITHOUT ROWID

CREATE TABLE inbox (
	stream INTEGER NOT NULL,
	"key" VARCHAR(32) NOT NULL,
	body VARCHAR(32) NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	message VARCHAR(32) NOT NULL,
	seq INTEGER NOT NULL,
	notice_id VARCHAR(160) NOT NULL,
	lodged_at BIGINT,
	PRIMARY KEY (stream, "key", body)
)
 WITHOUT ROWID

CREATE INDEX inbox_key ON inbox (platform_id, "key")

CREATE INDEX inbox_message ON inbox (platform_id, message) WHERE message <> ''

CREATE INDEX inbox_waits ON inbox (platform_id, notice_id) WHERE notice_id <> ''

CREATE TABLE appeals (
	platform_id VARCHAR(64) NOT NULL,
	appeal_id VARCHAR(36) NOT NULL,
	stream INTEGER NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	state VARCHAR(12) NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, appeal_id)
)
 WITHOUT ROWID

CREATE INDEX appeals_due ON appeals (platform_id, state, due_at, appeal_id)

CREATE INDEX appeals_stream ON appeals (stream)

CREATE TABLE preserved (
	stream INTEGER NOT NULL,
	object VARCHAR(64) NOT NULL,
	item INTEGER NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (stream, object, item)
)
 WITHOUT ROWID

CREATE INDEX preserved_until ON preserved (platform_id, until)

CREATE TABLE tallies (
	stream INTEGER NOT NULL,
	platform_id VARCHAR(64) NOT NULL,
	case_id VARCHAR(36) NOT NULL,
	received_at BIGINT NOT NULL,
	issued_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	decided_at BIGINT,
	receipt_at BIGINT,
	facts TEXT NOT NULL,
	PRIMARY KEY (stream)
)

CREATE INDEX tallies_received ON tallies (platform_id, received_at)

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'attempts_stay: nothing is deleted from here'); END

CREATE TRIGGER cases_stay BEFORE DELETE ON cases FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'cases_stay: nothing is deleted from here'); END

CREATE TRIGGER events_stay BEFORE DELETE ON events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'events_stay: nothing is deleted from here'); END

CREATE TRIGGER log_stay BEFORE DELETE ON log FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'log_stay: nothing is deleted from here'); END

CREATE TRIGGER parts_stay BEFORE DELETE ON parts FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'parts_stay: nothing is deleted from here'); END

CREATE TRIGGER streams_stay BEFORE DELETE ON streams FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'streams_stay: nothing is deleted from here'); END

CREATE TRIGGER attempts_never_change BEFORE UPDATE ON attempts FOR EACH ROW WHEN NEW.platform_id IS NOT OLD.platform_id OR NEW.case_id IS NOT OLD.case_id OR NEW.message_id IS NOT OLD.message_id OR NEW.number IS NOT OLD.number OR NEW.started_at IS NOT OLD.started_at OR (OLD.result <> 'lost' AND (NEW.ended_at IS NOT OLD.ended_at OR NEW.result IS NOT OLD.result OR (length(NEW.detail) > 0 AND NEW.detail IS NOT OLD.detail))) BEGIN SELECT RAISE(ABORT, 'attempts_never_change: an attempt never changes once its result is known'); END

CREATE TRIGGER events_never_change BEFORE UPDATE ON events FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'events_never_change: what happened never changes'); END

CREATE TRIGGER log_never_change BEFORE UPDATE ON log FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'log_never_change: what happened never changes'); END

CREATE TRIGGER streams_never_change BEFORE UPDATE ON streams FOR EACH ROW BEGIN SELECT RAISE(ABORT, 'streams_never_change: what happened never changes'); END

CREATE TRIGGER parts_never_change BEFORE UPDATE ON parts FOR EACH ROW WHEN NEW.stream IS NOT OLD.stream OR NEW.seq IS NOT OLD.seq OR NEW.name IS NOT OLD.name OR NEW.class IS NOT OLD.class OR OLD.class <> 'erasable' OR NEW.bytes IS NOT NULL BEGIN SELECT RAISE(ABORT, 'parts_never_change: a part is erased, or stays as it is'); END

CREATE TRIGGER keys_stay_of_their_stream BEFORE UPDATE ON keys FOR EACH ROW WHEN NEW.stream IS NOT OLD.stream OR NEW.class IS NOT OLD.class BEGIN SELECT RAISE(ABORT, 'keys_stay_of_their_stream: a key stays that of its stream'); END

CREATE TRIGGER keys_stay BEFORE DELETE ON keys FOR EACH ROW WHEN OLD.class <> 'erasable' OR NOT EXISTS (SELECT 1 FROM events WHERE stream = OLD.stream AND kind = 'erased') BEGIN SELECT RAISE(ABORT, 'keys_stay: a key goes with what was erased alone'); END

ANALYZE sqlite_schema

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals', '1000000 500000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals_due', '1000000 500000 100000 2 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('appeals', 'appeals_stream', '1000000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('attempts', 'attempts', '1000000 500000 3 1 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_claimable', '10000 5000 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_claimable_authority_id', '10000 5000 500 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_claimable_category', '10000 5000 500 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_ended', '1000000 500000 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_in_hand', '1000 500 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_in_hand_authority_id', '1000 500 50 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_in_hand_category', '1000 500 50 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_leased', '100 50 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_notice', '1000000 500000 1 1 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('cases', 'cases_paused', '10 5')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('events', 'events', '1000000 8 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox', '1000000 2 1 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox_key', '1000000 500000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox_message', '1000 500 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('inbox', 'inbox_waits', '10 5 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('keys', 'keys', '1000000 2 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('leases', 'leases', '1000 3 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('leases', 'leases_alerts', '10 5 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('leases', 'leases_due', '1000 500 200 2 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('log', 'log', '1000000 500000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('log', 'log_stream', '1000000 8 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox', '1000 3 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_alerts', '10 5 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_held', '10 5 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('outbox', 'outbox_lane', '1000 500 1 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('parts', 'parts', '1000000 6 2 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('preserved', 'preserved', '1000000 2 1 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('preserved', 'preserved_until', '1000000 500000 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('streams', 'streams_name', '1000000 500000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('tallies', 'tallies_received', '1000000 500000 2')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('tiles', 'tiles', '10000 5000 2000 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('volumes', 'volumes', '10000 5000 300 1')

INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES ('watches', 'watches_due', '10000 5000 2')
