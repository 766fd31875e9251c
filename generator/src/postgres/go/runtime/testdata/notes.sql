-- What the tests of this package read.
create table note (id int, day date, body text, owner text, primary key (id, day));
insert into note values
  (1, '2026-01-01', 'hello world', 'ann'),
  (2, '2026-01-02', '{"quoted\, %_', 'bob'),
  (3, '2026-01-03', 'hello', 'bob'),
  (10, '2026-01-10', 'ten', 'bob');
-- What policies of row-level security do, for users who pass by them.
create view mine as select * from note where owner = current_setting('weir.principal', true);
create table large as select id, day, body from note where false;
alter table large alter body set storage external;
insert into large values (1, '2026-01-01', repeat('x', 9 * 1024 * 1024)), (2, '2026-01-01', 'small');
