"""The engine, private to reddb: the only place where anything changes.

One writer task (`writer`) owns the state (`state`, `pages`, `hashmap`, `index`, `slotset`) and the
storage (`storage`, `file_storage`). Commands (`commands`) reach it through the mailbox and are
decided purely (`decide`). Frames are pure too (`frames`); `recovery` reads them back, and `disk`
is the only module that calls the operating system. `turns` lets tasks and threads run beside long
work. `engine` puts the parts together.

Imports run one way: `reddb.api` may import this package, which may import `reddb.codecs`.
"""
