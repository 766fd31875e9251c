-- Everything that a schema may hold and that one would rather not think of.
create schema "Größe";
create schema empty;
create extension if not exists citext with schema public;
create extension if not exists hstore with schema public;
comment on database :database is 'Strange things';

create type mood as enum ('sad', 'so so', 'it''s "ok"', 'a,b');
comment on type mood is 'How somebody is.';
create domain percent as integer check (value between 0 and 100);
create domain short_code as varchar(4) check (value ~ '^[A-Z]+$');
create type address as (street text, "No." integer, tags text[], since date);
create type place as (name text, at address, mood mood);
create type "Größe".größe as enum ('klein', 'groß');
create type int_pair as range (subtype = int8);

-- Each type, once with a value, once null, once with what is hard to write.
create table every_type (
  id bigint generated always as identity primary key,
  a_bool boolean, a_int2 smallint, a_int4 integer, a_int8 bigint, a_float4 real, a_float8 double precision,
  a_numeric numeric, a_price numeric(10,2), a_long numeric(30,10), a_money money,
  a_text text, a_varchar varchar(20), a_char char(5), a_name name, a_citext citext,
  a_uuid uuid, a_bytea bytea, a_json json, a_jsonb jsonb, a_xml xml,
  a_date date, a_time time, a_timetz timetz, a_timestamp timestamp, a_timestamptz timestamptz, a_interval interval,
  a_inet inet, a_cidr cidr, a_macaddr macaddr, a_bit bit(4), a_varbit bit varying(9),
  a_point point, a_line line, a_lseg lseg, a_box box, a_path path, a_polygon polygon, a_circle circle,
  a_tsvector tsvector, a_tsquery tsquery, a_oid oid, a_lsn pg_lsn, a_jsonpath jsonpath, a_hstore hstore,
  a_mood mood, a_percent percent, a_code short_code, a_size "Größe".größe,
  a_int4range int4range, a_int8range int8range, a_numrange numrange, a_tsrange tsrange, a_tstzrange tstzrange, a_daterange daterange, a_pair int_pair,
  a_int4multirange int4multirange, a_datemultirange datemultirange,
  a_address address, a_place place,
  some_ints integer[], some_texts text[], some_grids integer[][], some_moods mood[], some_boxes box[], some_percents percent[],
  some_addresses address[], some_ranges int4range[], some_bytes bytea[], some_json jsonb[], some_times timestamptz[],
  computed text generated always as (upper(a_text)) stored
);
comment on table every_type is 'One column of each type.';
comment on column every_type.a_text is 'A text; ends a comment */ or not.';
insert into every_type (
  a_bool, a_int2, a_int4, a_int8, a_float4, a_float8, a_numeric, a_price, a_long, a_money,
  a_text, a_varchar, a_char, a_name, a_citext, a_uuid, a_bytea, a_json, a_jsonb, a_xml,
  a_date, a_time, a_timetz, a_timestamp, a_timestamptz, a_interval, a_inet, a_cidr, a_macaddr, a_bit, a_varbit,
  a_point, a_line, a_lseg, a_box, a_path, a_polygon, a_circle, a_tsvector, a_tsquery, a_oid, a_lsn, a_jsonpath, a_hstore,
  a_mood, a_percent, a_code, a_size, a_int4range, a_int8range, a_numrange, a_tsrange, a_tstzrange, a_daterange, a_pair,
  a_int4multirange, a_datemultirange, a_address, a_place,
  some_ints, some_texts, some_grids, some_moods, some_boxes, some_percents, some_addresses, some_ranges, some_bytes, some_json, some_times
) values (
  true, -32768, 2147483647, 9223372036854775807, 1.5, 1e300, 123456789012345678901234567890.12345, 19.99, 0.0000000001, 12.5,
  'Straße "x" \ ''y''', 'née', 'ab', 'n', 'MiXed', 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11', '\x00ff68', '{"b": 1, "a": 12345678901234567890}', '{"deep": [1, {"x": null}]}', '<a>b</a>',
  '2024-02-29', '18:00:00.5', '18:00:00+02', '2024-01-31 18:00:00.123456', '2024-01-31 18:00:00+01', '1 year 2 mons 3 days 04:05:06', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', B'1010', B'101',
  '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(1,1),(0,0)', '[(0,0),(1,1)]', '((0,0),(1,1),(1,0))', '<(0,0),1>', 'a fat cat', 'fat & cat', 42, '16/B374D848', '$.a', 'a=>1',
  'it''s "ok"', 50, 'ABCD', 'groß', '[1,10)', '(,5)', '[1.5,2.5]', '[2024-01-01 00:00,2024-01-02 00:00)', '[2024-01-01 00:00+00,)', '[2024-01-01,2024-02-01)', '[1,3)',
  '{[1,3),[5,8)}', '{}', row('Main "St", 5', 5, array['a b', null, 'c"d'], '2020-01-01'), row('home', row('x\y', null, '{}', null), 'a,b'),
  '{1,null,3}', array['', 'NULL', null, 'a,b', '{x}', 'q"q', 'b\s'], '{{1,2},{3,4}}', array['a,b','sad']::mood[], '{(1,1),(0,0);(2,2),(1,1)}', '{1,100}',
  array[row('a, (b)', 1, array['x"y'], null)::address, null], array['[1,2)','empty']::int4range[], array['\x00'::bytea], array['{"a": [1]}'::jsonb, 'null'], array['2024-01-31 18:00+01'::timestamptz]
);
insert into every_type default values;
insert into every_type (a_float8, a_float4, a_numeric, a_price, a_date, a_timestamp, a_timestamptz, a_int4range, a_text, a_char, some_ints, some_grids, a_jsonb, a_interval) values
  ('NaN', '-Infinity', 'NaN', 'NaN', 'infinity', '-infinity', '0044-03-15 12:00:00 BC', 'empty', '', '', '[5:6]={7,8}', '{}', 'null', '-1 day');

-- Names.
create table "Größe"."select" ("from" integer primary key, "where ""x""" text, "a/b~c" text, "__proto__" text, "refs" text, "日本" text, "ütf" integer);
insert into "Größe"."select" values (1, 'w', 's', 'p', 'r', '日本語', 2);
create table "Order" (id integer primary key, "Name" text);
create table orders (id integer primary key, name text);
create table "ORDERS" (id integer primary key);
create table metric (id integer primary key);
create table "顧客" (id integer primary key, "名前" text);
create table "2fast" (id integer primary key);
create table "a'b; drop table orders --" (id integer primary key, "x'; drop table orders --" text);
create table "line
break" (id integer primary key, "tab	here" text);
insert into "line
break" values (1, 'x');
create table wide (id integer primary key);
do $$ begin for n in 1..1200 loop execute format('alter table wide add column %I text', 'column_' || n); end loop; end $$;
insert into wide values (1);
create type thing as ("__proto__" text, ok text);
create table of_things (id integer primary key, thing thing);
insert into of_things values (1, ('a', 'b'));
create table "Größe".orders (id integer primary key);
insert into "Order" values (1, 'one'); insert into orders values (1, 'eins'), (2, 'zwei'); insert into "顧客" values (1, '林');
insert into "a'b; drop table orders --" values (1, 'x');

-- Keys.
create table key_text (k text primary key, title text);
insert into key_text values ('a/b', 'slash'), ('100%', 'percent'), ('..', 'dots'), (' x ', 'blanks'), ('é', 'composed'), (E'e\u0301', 'not composed'), (E'tab\there', 'control'), ('日本', 'japanese'), ('%41', 'escaped'), ('', 'empty'), ('A', 'capital'), (repeat('x', 1025), 'too long'), (E'\u202Eevil', 'bidi'), (E'😀', 'emoji');
create table key_many (a integer, b text, c date, d boolean, primary key (a, b, c, d));
insert into key_many select n % 3, 'b' || n, date '2024-01-01' + n, n % 2 = 0 from generate_series(1, 30) n;
create table key_citext (k citext primary key);
insert into key_citext values ('Ann');
create table key_time (k timestamptz primary key, v integer);
insert into key_time values ('2024-01-31 18:00:00.5+00', 1), ('infinity', 2), ('0044-03-15 12:00:00 BC', 3);
create table key_mood (k mood primary key);
insert into key_mood values ('a,b'), ('sad');
create table key_uuid (k uuid primary key);
insert into key_uuid values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11');
create table key_numeric (k numeric primary key);
insert into key_numeric values (1.50), ('NaN'), (123456789012345678901234567890);
create table key_inet (k inet primary key);
insert into key_inet values ('10.0.0.1'), ('10.0.0.0/8');
create table key_range (k int4range primary key);
insert into key_range values ('[1,5)');
create table key_bytes (k bytea primary key);
insert into key_bytes values ('\x00ff');
create table key_char (k char(5) primary key, name text);
insert into key_char values ('ALFKI', 'five'), ('AB', 'two');
create table key_domain (k percent primary key);
insert into key_domain values (7);
create table key_array (k integer[] primary key);
create table key_unique (id integer, code text not null unique, other text unique);
insert into key_unique values (1, 'one', null);
create table key_nullable (code text unique);
create table key_partial (id integer not null); create unique index on key_partial (id) where id > 5;
create table no_key (n integer, words text);
create table no_columns ();
create view a_view as select id, name from orders;
comment on view a_view is 'Orders, seen from afar.';
create materialized view a_matview as select id from orders;
create unique index on a_matview (id);

-- Relations.
create table person (id integer primary key, name text, boss integer references person, friend integer references person);
insert into person values (1, 'Ann', null, null), (2, 'Bob', 1, 1);
create table hen (id integer primary key, egg integer);
create table egg (id integer primary key, hen integer references hen deferrable initially deferred);
alter table hen add foreign key (egg) references egg deferrable initially deferred;
begin; insert into hen values (1, 1); insert into egg values (1, 1); commit;
create table many_ref (id integer primary key, x integer, y text, z date, w boolean, foreign key (x, y, z, w) references key_many (a, b, c, d));
insert into many_ref values (1, 1, 'b1', '2024-01-02', false), (2, null, 'b1', '2024-01-02', false);
create table odd_ref (id integer primary key, code text references key_unique (code), other text references key_unique (other));
insert into odd_ref values (1, 'one', null);
create table cross_ref (id integer primary key, order_id integer references "Größe"."select");
insert into cross_ref values (1, 1);

-- Parts.
create table event (id bigint, at date not null, note text, primary key (id, at)) partition by range (at);
create table event_2024 partition of event for values from ('2024-01-01') to ('2025-01-01');
create table event_2025 partition of event for values from ('2025-01-01') to ('2026-01-01');
insert into event values (1, '2024-05-05', 'old'), (9007199254740993, '2025-05-05', 'new');
create table parent (id integer primary key, name text);
create table child (extra text) inherits (parent);
insert into parent values (1, 'p');

-- What is personal.
create table patient (ssn text primary key, email text, diagnosis text, password_hash text, name text, born_on date);
insert into patient values ('123-45-6789', 'ann@example.org', 'well', 'x', 'Ann', '1990-01-01');
create table visit (id integer primary key, patient text references patient, note text);
insert into visit values (1, '123-45-6789', 'checked');
