CREATE TABLE cases (
	stream BIGINT NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	notice_id TEXT COLLATE "C" NOT NULL,
	authority_id TEXT COLLATE "C" NOT NULL,
	quarantine_no INTEGER NOT NULL,
	revision INTEGER NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	category TEXT COLLATE "C" NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	urgent_at BIGINT NOT NULL,
	closed_at BIGINT,
	lease_token BIGINT NOT NULL,
	lease_owner TEXT COLLATE "C" NOT NULL,
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
	stream BIGINT NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	watch_at BIGINT NOT NULL,
	running_watch_at BIGINT,
	PRIMARY KEY (stream)
)

CREATE INDEX watches_due ON watches (platform_id, watch_at)

CREATE TABLE outbox (
	stream BIGINT NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	endpoint TEXT COLLATE "C" NOT NULL,
	alert BYTEA NOT NULL,
	created_at BIGINT NOT NULL,
	deadline_at BIGINT,
	state TEXT COLLATE "C" NOT NULL,
	lane TEXT COLLATE "C" NOT NULL,
	lane_seq BIGINT NOT NULL,
	PRIMARY KEY (stream, id)
)

CREATE INDEX outbox_alerts ON outbox (platform_id, id) WHERE case_id = ''

CREATE INDEX outbox_held ON outbox (platform_id, id) WHERE state IN ('waiting', 'parked')

CREATE INDEX outbox_lane ON outbox (platform_id, lane, lane_seq) WHERE state = 'queued' AND lane <> ''

CREATE TABLE leases (
	stream BIGINT NOT NULL,
	id TEXT COLLATE "C" NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	endpoint TEXT COLLATE "C" NOT NULL,
	urgent_at BIGINT NOT NULL,
	next_at BIGINT,
	attempts INTEGER NOT NULL,
	refusals INTEGER NOT NULL,
	refused_since BIGINT,
	token BIGINT NOT NULL,
	expires_at BIGINT,
	PRIMARY KEY (stream, id)
)

CREATE INDEX leases_alerts ON leases (platform_id, id) WHERE case_id = ''

CREATE INDEX leases_due ON leases (platform_id, endpoint, urgent_at, next_at) WHERE next_at IS NOT NULL

CREATE TABLE attempts (
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	message_id TEXT COLLATE "C" NOT NULL,
	number INTEGER NOT NULL,
	started_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL,
	result TEXT COLLATE "C" NOT NULL,
	detail BYTEA NOT NULL,
	PRIMARY KEY (platform_id, case_id, message_id, number)
)

CREATE TABLE cursors (
	platform_id TEXT COLLATE "C" NOT NULL,
	feed TEXT COLLATE "C" NOT NULL,
	cursor TEXT COLLATE "C" NOT NULL,
	at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, feed)
)

CREATE TABLE platform_keys (
	platform_id TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	key BYTEA NOT NULL,
	PRIMARY KEY (platform_id, name)
)

CREATE TABLE endpoints (
	platform_id TEXT COLLATE "C" NOT NULL,
	endpoint TEXT COLLATE "C" NOT NULL,
	failures INTEGER NOT NULL,
	open_until BIGINT NOT NULL,
	last_success_at BIGINT NOT NULL,
	last_failure TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (platform_id, endpoint)
)

CREATE TABLE heartbeats (
	platform_id TEXT COLLATE "C" NOT NULL,
	part TEXT COLLATE "C" NOT NULL,
	at BIGINT NOT NULL,
	detail TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (platform_id, part)
)

CREATE TABLE refusals (
	platform_id TEXT COLLATE "C" NOT NULL,
	key_id TEXT COLLATE "C" NOT NULL,
	code TEXT COLLATE "C" NOT NULL,
	count BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, key_id, code)
)

CREATE TABLE volumes (
	platform_id TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	at BIGINT NOT NULL,
	notices INTEGER NOT NULL
)

CREATE TABLE streams (
	n BIGINT NOT NULL,
	platform TEXT COLLATE "C" NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (n)
)

CREATE UNIQUE INDEX streams_name ON streams (platform, name)

CREATE TABLE events (
	stream BIGINT NOT NULL,
	seq INTEGER NOT NULL,
	at BIGINT NOT NULL,
	kind TEXT COLLATE "C" NOT NULL,
	content BYTEA NOT NULL,
	people BYTEA NOT NULL,
	hash BYTEA NOT NULL,
	mac BYTEA NOT NULL,
	key_id BYTEA NOT NULL,
	PRIMARY KEY (stream, seq)
)

CREATE TABLE parts (
	stream BIGINT NOT NULL,
	seq INTEGER NOT NULL,
	name TEXT COLLATE "C" NOT NULL,
	class TEXT COLLATE "C" NOT NULL,
	bytes BYTEA,
	PRIMARY KEY (stream, seq, name)
)

CREATE TABLE keys (
	stream BIGINT NOT NULL,
	class TEXT COLLATE "C" NOT NULL,
	wrapped BYTEA NOT NULL,
	master_key_id TEXT COLLATE "C" NOT NULL,
	PRIMARY KEY (stream, class)
)

CREATE TABLE log (
	platform TEXT COLLATE "C" NOT NULL,
	n BIGINT NOT NULL,
	stream BIGINT NOT NULL,
	seq INTEGER NOT NULL,
	hash BYTEA NOT NULL,
	PRIMARY KEY (platform, n)
)

CREATE UNIQUE INDEX log_stream ON log (stream, seq)

CREATE TABLE tiles (
	platform TEXT COLLATE "C" NOT NULL,
	level INTEGER NOT NULL,
	n BIGINT NOT NULL,
	hash BYTEA NOT NULL,
	PRIMARY KEY (platform, level, n)
)

CREATE TABLE inbox (
	stream BIGINT NOT NULL,
	key TEXT COLLATE "C" NOT NULL,
	body TEXT COLLATE "C" NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	message TEXT COLLATE "C" NOT NULL,
	seq INTEGER NOT NULL,
	notice_id TEXT COLLATE "C" NOT NULL,
	lodged_at BIGINT,
	PRIMARY KEY (stream, key, body)
)

CREATE INDEX inbox_key ON inbox (platform_id, key)

CREATE INDEX inbox_message ON inbox (platform_id, message) WHERE message <> ''

CREATE INDEX inbox_waits ON inbox (platform_id, notice_id) WHERE notice_id <> ''

CREATE TABLE appeals (
	platform_id TEXT COLLATE "C" NOT NULL,
	appeal_id TEXT COLLATE "C" NOT NULL,
	stream BIGINT NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	state TEXT COLLATE "C" NOT NULL,
	received_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	PRIMARY KEY (platform_id, appeal_id)
)

CREATE INDEX appeals_due ON appeals (platform_id, state, due_at, appeal_id)

CREATE INDEX appeals_stream ON appeals (stream)

CREATE TABLE preserved (
	stream BIGINT NOT NULL,
	object TEXT COLLATE "C" NOT NULL,
	item INTEGER NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	until BIGINT NOT NULL,
	PRIMARY KEY (stream, object, item)
)

CREATE INDEX preserved_until ON preserved (platform_id, until)

CREATE TABLE tallies (
	stream BIGINT NOT NULL,
	platform_id TEXT COLLATE "C" NOT NULL,
	case_id TEXT COLLATE "C" NOT NULL,
	received_at BIGINT NOT NULL,
	issued_at BIGINT NOT NULL,
	due_at BIGINT NOT NULL,
	decided_at BIGINT,
	receipt_at BIGINT,
	facts TEXT NOT NULL,
	PRIMARY KEY (stream)
)

CREATE INDEX tallies_received ON tallies (platform_id, received_at)

CREATE SEQUENCE stream_numbers AS BIGINT INCREMENT BY 64

CREATE TABLE unplaced (k BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream BIGINT, seq INTEGER)

CREATE TABLE store_marks (master_key BIGINT NOT NULL)

INSERT INTO store_marks (master_key) VALUES (0)

CREATE INDEX volumes_at ON volumes (platform_id, name, at)

ALTER TABLE cases SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)

ALTER TABLE watches SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)

ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)

ALTER TABLE leases SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)

ALTER TABLE unplaced SET (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500)

CREATE OR REPLACE FUNCTION kz_compliance_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$

CREATE TRIGGER attempts_stay BEFORE DELETE ON attempts FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('attempts_stay: nothing is deleted from here')

CREATE TRIGGER cases_stay BEFORE DELETE ON cases FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('cases_stay: nothing is deleted from here')

CREATE TRIGGER events_stay BEFORE DELETE ON events FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('events_stay: nothing is deleted from here')

CREATE TRIGGER log_stay BEFORE DELETE ON log FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('log_stay: nothing is deleted from here')

CREATE TRIGGER parts_stay BEFORE DELETE ON parts FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('parts_stay: nothing is deleted from here')

CREATE TRIGGER streams_stay BEFORE DELETE ON streams FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('streams_stay: nothing is deleted from here')

CREATE TRIGGER attempts_never_change BEFORE UPDATE ON attempts FOR EACH ROW WHEN (NEW.platform_id IS DISTINCT FROM OLD.platform_id OR NEW.case_id IS DISTINCT FROM OLD.case_id OR NEW.message_id IS DISTINCT FROM OLD.message_id OR NEW.number IS DISTINCT FROM OLD.number OR NEW.started_at IS DISTINCT FROM OLD.started_at OR (OLD.result <> 'lost' AND (NEW.ended_at IS DISTINCT FROM OLD.ended_at OR NEW.result IS DISTINCT FROM OLD.result OR (length(NEW.detail) > 0 AND NEW.detail IS DISTINCT FROM OLD.detail)))) EXECUTE FUNCTION kz_compliance_refuse('attempts_never_change: an attempt never changes once its result is known')

CREATE TRIGGER events_never_change BEFORE UPDATE ON events FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('events_never_change: what happened never changes')

CREATE TRIGGER log_never_change BEFORE UPDATE ON log FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('log_never_change: what happened never changes')

CREATE TRIGGER streams_never_change BEFORE UPDATE ON streams FOR EACH ROW EXECUTE FUNCTION kz_compliance_refuse('streams_never_change: what happened never changes')

CREATE TRIGGER parts_never_change BEFORE UPDATE ON parts FOR EACH ROW WHEN (NEW.stream IS DISTINCT FROM OLD.stream OR NEW.seq IS DISTINCT FROM OLD.seq OR NEW.name IS DISTINCT FROM OLD.name OR NEW.class IS DISTINCT FROM OLD.class OR OLD.class <> 'erasable' OR NEW.bytes IS NOT NULL) EXECUTE FUNCTION kz_compliance_refuse('parts_never_change: a part is erased, or stays as it is')

CREATE TRIGGER keys_stay_of_their_stream BEFORE UPDATE ON keys FOR EACH ROW WHEN (NEW.stream IS DISTINCT FROM OLD.stream OR NEW.class IS DISTINCT FROM OLD.class) EXECUTE FUNCTION kz_compliance_refuse('keys_stay_of_their_stream: a key stays that of its stream')

CREATE TRIGGER keys_stay BEFORE DELETE ON keys FOR EACH ROW WHEN (OLD.class <> 'erasable') EXECUTE FUNCTION kz_compliance_refuse('keys_stay: a key goes with what was erased alone')

CREATE TRIGGER attempts_not_emptied BEFORE TRUNCATE ON attempts FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('attempts_not_emptied: nothing is deleted from here')

CREATE TRIGGER cases_not_emptied BEFORE TRUNCATE ON cases FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('cases_not_emptied: nothing is deleted from here')

CREATE TRIGGER events_not_emptied BEFORE TRUNCATE ON events FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('events_not_emptied: nothing is deleted from here')

CREATE TRIGGER log_not_emptied BEFORE TRUNCATE ON log FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('log_not_emptied: nothing is deleted from here')

CREATE TRIGGER parts_not_emptied BEFORE TRUNCATE ON parts FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('parts_not_emptied: nothing is deleted from here')

CREATE TRIGGER streams_not_emptied BEFORE TRUNCATE ON streams FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('streams_not_emptied: nothing is deleted from here')

CREATE TRIGGER keys_not_emptied BEFORE TRUNCATE ON keys FOR EACH STATEMENT EXECUTE FUNCTION kz_compliance_refuse('keys_not_emptied: nothing is deleted from here')
