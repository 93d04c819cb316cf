---@meta cflask
-- Annotations for editors (LuaLS): the names of the module with their types. Never loaded.
-- luacheck: ignore 241 631
error("cflask.types is for editors; use require \"cflask\"")

---@alias cflask.Headers table<string, string|number|string[]>
---@alias cflask.Body string|table|cflask.Response|cflask.Error|fun(): string?
---@alias cflask.View fun(...): cflask.Body?, (string|integer|cflask.Headers)?, cflask.Headers?

---@class cflask.RouteOptions
---@field methods? string[]
---@field endpoint? string
---@field defaults? table<string, any>
---@field strict_slashes? boolean
---@field merge_slashes? boolean
---@field host? string
---@field subdomain? string
---@field redirect_to? string|fun(values: table): string
---@field alias? boolean
---@field build_only? boolean
---@field provide_automatic_options? boolean
---@field max_content_length? integer bytes

---@class cflask.Scaffold
---@field name string
---@field root_path string
---@field static_folder string|false
---@field view_functions table<string, cflask.View>
local Scaffold = {}

---@param rule string
---@param options cflask.RouteOptions|cflask.View
---@param view? cflask.View
---@return cflask.View?
function Scaffold:route(rule, options, view) end

---@param rule string
---@param options string|cflask.RouteOptions|cflask.View
---@param view? cflask.View
---@return cflask.View
function Scaffold:get(rule, options, view) end

Scaffold.post, Scaffold.put, Scaffold.patch = Scaffold.get, Scaffold.get, Scaffold.get
Scaffold.delete, Scaffold.head, Scaffold.options = Scaffold.get, Scaffold.get, Scaffold.get

---@param rule string
---@param endpoint? string
---@param view? cflask.View
---@param options? cflask.RouteOptions
---@return cflask.View?
function Scaffold:add_url_rule(rule, endpoint, view, options) end

---@param name string
---@param view cflask.View
---@return cflask.View
function Scaffold:endpoint(name, view) end

---@param rule string
---@param object table with methods get, post, ...
---@param endpoint? string|cflask.RouteOptions
---@param options? cflask.RouteOptions
---@return cflask.View
function Scaffold:view_class(rule, object, endpoint, options) end

---@param fn fun(): cflask.Body?, any, any
function Scaffold:before_request(fn) end

---@param fn fun(response: cflask.Response): cflask.Response?
function Scaffold:after_request(fn) end

---@param fn fun(err: any)
function Scaffold:teardown_request(fn) end

---@param fn fun(): table
function Scaffold:context_processor(fn) end

---@param fn fun(endpoint: string, values: table)
function Scaffold:url_defaults(fn) end

---@param fn fun(endpoint: string?, values: table?)
function Scaffold:url_value_preprocessor(fn) end

---@param what integer|cflask.Class
---@param fn fun(err: cflask.Error): cflask.Body?, any, any
function Scaffold:errorhandler(what, fn) end

---@param path string
---@return file*
function Scaffold:open_resource(path) end

---@param name string
---@return cflask.Response
function Scaffold:send_static_file(name) end

---@class cflask.Config: table<string, any>
local Config = {}

---@param path string
---@param options? {silent?: boolean, load?: fun(path: string): table}
---@return boolean
function Config:from_file(path, options) end

---@param values table
function Config:from_mapping(values) end

---@param object table|string
function Config:from_object(object) end

---@param prefix? string
function Config:from_prefixed_env(prefix) end

---@param prefix string
---@param options? {lowercase?: boolean, trim_namespace?: boolean}
---@return table
function Config:get_namespace(prefix, options) end

---@class cflask.App: cflask.Scaffold
---@field config cflask.Config
---@field logger cflask.Logger
---@field extensions table
---@field url_map {converters: table, iter_rules: fun(self): fun(): table}
---@field json {sort_keys: boolean, ensure_ascii: boolean, compact: boolean?, mimetype: string}
---@field debug boolean
---@field testing boolean
---@field secret_key string?
local App = {}

---@param blueprint cflask.Blueprint
---@param options? {url_prefix?: string, name?: string, subdomain?: string, url_defaults?: table}
function App:register_blueprint(blueprint, options) end

---@param fn fun(err: any)
function App:teardown_appcontext(fn) end

---@param fn fun(err: cflask.Error, endpoint: string, values: table): string?
function App:url_build_error_handler(fn) end

---@param fn fun()
function App:before_serving(fn) end

---@param fn fun()
function App:after_serving(fn) end

---@param name string
---@param fn fun(...: string): (boolean|integer)?
---@param help? string
function App:cli(name, fn, help) end

---@param prefix string "/prefix" or "//host/"
---@param other cflask.App
function App:mount(prefix, other) end

---@param endpoint string|cflask.View
---@param values? table
---@return string
function App:url_for(endpoint, values) end

---@generic T
---@param fn fun(): T
---@return T
function App:app_context(fn) end

---@param path string
---@param options table|fun()
---@param fn? fun()
---@return any
function App:test_request_context(path, options, fn) end

---@param options? {cookies?: boolean}
---@return cflask.TestClient
function App:test_client(options) end

function App:test_cli_runner() end

---@param options? {host?: string, port?: integer, debug?: boolean, unix?: string, access_log?: boolean}
---@return cflask.App
function App:run(options) end

---@class cflask.Blueprint: cflask.Scaffold
---@field url_prefix string?
local Blueprint = {}

---@param blueprint cflask.Blueprint
---@param options? table
function Blueprint:register_blueprint(blueprint, options) end

---@param fn fun(state: table)
function Blueprint:record(fn) end

---@param what integer|cflask.Class
---@param fn fun(err: cflask.Error): cflask.Body?, any, any
function Blueprint:app_errorhandler(what, fn) end

Blueprint.before_app_request = Scaffold.before_request
Blueprint.after_app_request = Scaffold.after_request
Blueprint.teardown_app_request = Scaffold.teardown_request
Blueprint.app_context_processor = Scaffold.context_processor
Blueprint.app_url_defaults = Scaffold.url_defaults
Blueprint.app_url_value_preprocessor = Scaffold.url_value_preprocessor

---@class cflask.Logger
local Logger = {}

---@param fmt string
---@param ... any
function Logger:info(fmt, ...) end

Logger.debug, Logger.warning, Logger.error = Logger.info, Logger.info, Logger.info

---@param level "debug"|"info"|"warning"|"error"
function Logger:set_level(level) end

---@class cflask.MultiDict
---@field [string] string?
local MultiDict = {}

---@param key string
---@param default? any
---@param convert? fun(text: string): any
---@return any
function MultiDict:get(key, default, convert) end

---@param key string
---@param convert? fun(text: string): any
---@return any[]
function MultiDict:getlist(key, convert) end

---@param key string
---@param convert? fun(text: string): any
---@return any
function MultiDict:require(key, convert) end

---@param key string
---@return boolean
function MultiDict:has(key) end

---@param options? {flat?: boolean}
---@return table
function MultiDict:to_table(options) end

---@param options? {multi?: boolean}
function MultiDict:items(options) end

---@class cflask.Upload
---@field filename string
---@field name string
---@field content_type string?
---@field headers table
---@field size integer
local Upload = {}

---@param n? integer
---@return string?
function Upload:read(n) end

---@param whence? "set"|"cur"|"end"
---@param offset? integer
---@return integer
function Upload:seek(whence, offset) end

---@return fun(): string?
function Upload:lines() end

---@param path string
function Upload:save(path) end

---@class cflask.Accept
local Accept = {}

---@param list string[]
---@param default? any
---@return any
function Accept:best_match(list, default) end

---@param value string
---@return number
function Accept:quality(value) end

---@param value string
---@return boolean
function Accept:accepts(value) end

---@return string[]
function Accept:values() end

---@class cflask.Request
---@field method string
---@field path string
---@field full_path string
---@field query_string string
---@field url string
---@field base_url string
---@field root_url string
---@field url_root string
---@field root_path string
---@field script_root string
---@field host string
---@field host_url string
---@field scheme string
---@field is_secure boolean
---@field remote_addr string?
---@field remote_port integer?
---@field access_route string[]
---@field endpoint string?
---@field url_rule string?
---@field view_args table?
---@field blueprint string?
---@field blueprints string[]
---@field args cflask.MultiDict
---@field form cflask.MultiDict
---@field files {[string]: cflask.Upload?}
---@field values cflask.MultiDict
---@field headers cflask.MultiDict
---@field cookies cflask.MultiDict
---@field data string
---@field json any
---@field is_json boolean
---@field mimetype string
---@field mimetype_params table
---@field content_type string?
---@field content_length integer?
---@field content_encoding string?
---@field referrer string?
---@field origin string?
---@field user_agent string?
---@field date integer?
---@field authorization {type: string, username: string?, password: string?, token: string?, parameters: table?}?
---@field accept_mimetypes cflask.Accept
---@field accept_languages cflask.Accept
---@field accept_encodings cflask.Accept
---@field accept_charsets cflask.Accept
---@field if_modified_since integer?
---@field if_unmodified_since integer?
---@field range {units: string, ranges: integer[][]}?
---@field cache_control table
---@field id string
---@field max_content_length integer?
local Request = {}

---@return string
function Request:get_data() end

---@param options? {force?: boolean, silent?: boolean}
---@return any
function Request:get_json(options) end

---@class cflask.Response
---@field status_code integer
---@field status string
---@field headers table
---@field data string
---@field mimetype string
---@field content_type string
---@field content_length integer?
---@field is_json boolean
---@field json any
---@field location string?
---@field vary string?
---@field allow string?
---@field content_language string?
---@field cache_control table
---@field last_modified integer?
---@field expires integer?
---@field date integer?
---@field age integer?
---@field retry_after any
---@field www_authenticate any
---@field content_security_policy any
local Response = {}

---@return string
function Response:get_data() end

---@param text string
function Response:set_data(text) end

---@param name string
---@param value? string
---@param options? table
function Response:set_cookie(name, value, options) end

---@param name string
---@param options? {path?: string, domain?: string}
function Response:delete_cookie(name, options) end

---@param tag string
---@param weak? boolean
function Response:set_etag(tag, weak) end

function Response:add_etag() end

function Response:make_conditional() end

---@param fn fun()
function Response:call_on_close(fn) end

---@class cflask.Class
---@operator call(table|string|nil): cflask.Error

---@class cflask.Error
---@field name string
---@field message string?
---@field code integer?
---@field description string?
---@field headers table?
---@field response cflask.Response?
---@field original any
---@field traceback string?

---@class cflask.TestResponse
---@field status_code integer
---@field status string
---@field headers table
---@field data string
---@field text string
---@field json any
---@field history cflask.TestResponse[]
---@field request table
---@field is_whole boolean

---@class cflask.TestClient
local TestClient = {}

---@param path string
---@param options? table
---@return cflask.TestResponse
function TestClient:open(path, options) end

TestClient.get, TestClient.post, TestClient.put = TestClient.open, TestClient.open, TestClient.open
TestClient.patch, TestClient.delete = TestClient.open, TestClient.open
TestClient.head, TestClient.options = TestClient.open, TestClient.open

---@param fn fun()
function TestClient:context(fn) end

---@param name string
---@param value string
---@param options? table
function TestClient:set_cookie(name, value, options) end

---@param name string
---@param options? {domain?: string, path?: string}
---@return table?
function TestClient:get_cookie(name, options) end

---@param name string
---@param options? {domain?: string, path?: string}
function TestClient:delete_cookie(name, options) end

---@class cflask
---@field request cflask.Request
---@field g table
---@field current_app cflask.App
---@field null lightuserdata
---@field json {encode: fun(value: any, options?: table): string, decode: fun(text: string): any, null: lightuserdata, array: fun(t: table): table, is_array: fun(t: any): boolean}
---@field signals table
---@field exceptions table<string, cflask.Class>
---@field Error cflask.Class
---@field HTTPException cflask.Class
---@field BuildError cflask.Class
---@field Timeout cflask.Class
---@field version string
local flask = {}

---@param name? string
---@param options? string|{root_path?: string, template_folder?: string|false, static_folder?: string|false, static_url_path?: string}
---@return cflask.App
function flask.Flask(name, options) end

---@param name string
---@param import_name? string|table
---@param options? table
---@return cflask.Blueprint
function flask.Blueprint(name, import_name, options) end

---@param endpoint string|cflask.View
---@param values? table
---@return string
function flask.url_for(endpoint, values) end

---@param what integer|cflask.Response
---@param description? string
---@param headers? table
function flask.abort(what, description, headers) end

---@param url string
---@param code? integer
---@return cflask.Response
function flask.redirect(url, code) end

---@param ... any
---@return cflask.Response
function flask.jsonify(...) end

---@param body? string|fun(): string?
---@param options? {status?: integer|string, headers?: table, mimetype?: string, content_type?: string}
---@return cflask.Response
function flask.Response(body, options) end

---@param ... any
---@return cflask.Response
function flask.make_response(...) end

---@param fn fun(write: fun(text: string))
---@return fun(): string?
function flask.stream(fn) end

---@param what string|file*|{data: string}
---@param options? table
---@return cflask.Response
function flask.send_file(what, options) end

---@param folder string
---@param path string
---@param options? table
---@return cflask.Response
function flask.send_from_directory(folder, path, options) end

---@param fn fun(response: cflask.Response): cflask.Response?
function flask.after_this_request(fn) end

---@param name string
---@param parent? cflask.Class
---@param defaults? table
---@return cflask.Class
function flask.Class(name, parent, defaults) end

---@param value any
---@param class cflask.Class
---@return boolean
function flask.is(value, class) end

---@param name string
---@param default? any
---@return any
function flask.env(name, default) end

---@param seconds number
function flask.sleep(seconds) end

---@param functions (fun(): any)[]
---@return any ...
function flask.gather(functions) end

---@param seconds number
---@param fn fun(): any
---@return any ...
function flask.timeout(seconds, fn) end

---@param fn fun(...)
---@param ... any
function flask.spawn(fn, ...) end

---@return boolean
function flask.has_request_context() end

---@return boolean
function flask.has_app_context() end

---@param pairs any[][]
---@return table
function flask.ordered(pairs) end

---@param text string
---@return integer?
function flask.int(text) end

---@param text string
---@return number?
function flask.number(text) end

---@param text string
---@return boolean?
function flask.boolean(text) end

---@param text string
---@return userdata
function flask.Markup(text) end

---@param value any
---@return userdata
function flask.escape(value) end

---@param time number seconds since 1970
---@return string
function flask.http_date(time) end

---@param text string
---@return integer?
function flask.parse_date(text) end

return flask
