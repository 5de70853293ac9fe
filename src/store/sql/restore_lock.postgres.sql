LOCK TABLE instance, tenants, connections, calendars, work IN ACCESS EXCLUSIVE MODE
