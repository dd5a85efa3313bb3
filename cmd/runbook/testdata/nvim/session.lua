-- A session of a real editor: nvim --headless -u NONE -l would do from 0.9 on;
-- -c 'luafile …' does for all. It prints one line for each thing that it saw.
local say = function(what, value)
  io.stdout:write(what .. ': ' .. tostring(value):gsub('\n', ' / ') .. '\n')
end

local function session()
  vim.cmd('edit .runbook/mine.star')
  local buffer = vim.api.nvim_get_current_buf()
  local client = vim.lsp.start_client({
    name = 'runbook',
    cmd = { vim.env.RUNBOOK, 'lsp' },
    root_dir = vim.fn.getcwd(),
  })
  assert(client, 'the server does not start')
  vim.lsp.buf_attach_client(buffer, client)

  local function wait(what, seen)
    if not vim.wait(60000, seen, 20) then error(what .. ' does not come') end
  end
  local function ask(method, line, character)
    local params = {
      textDocument = vim.lsp.util.make_text_document_params(buffer),
      position = { line = line, character = character },
      options = { tabSize = 4, insertSpaces = true },
    }
    local answers, why = vim.lsp.buf_request_sync(buffer, method, params, 60000)
    assert(answers, why)
    for _, answer in pairs(answers) do
      assert(not answer.error, answer.error and answer.error.message)
      return answer.result
    end
  end

  wait('a diagnostic', function() return #vim.diagnostic.get(buffer) > 0 end)
  for _, d in ipairs(vim.diagnostic.get(buffer)) do
    say('diagnostic', d.lnum .. ':' .. d.col .. ' ' .. d.code .. ' ' .. d.message)
  end

  -- mended by hand: the text goes there as an edit
  vim.api.nvim_buf_set_text(buffer, 6, 11, 6, 13, { 'ps' })
  wait('silence', function() return #vim.diagnostic.get(buffer) == 0 end)
  say('mended', #vim.diagnostic.get(buffer))

  local fields = {}
  for _, item in ipairs(ask('textDocument/completion', 11, 20).items) do
    if item.label:match('^cmd') or item.label == 'pid' then table.insert(fields, item.label) end
  end
  say('completion', table.concat(fields, ' '))
  say('hover', ask('textDocument/hover', 6, 12).contents.value:match('ps%(match[^)]*%)'))
  say('definition', ask('textDocument/definition', 12, 5).uri:match('[^/]*/[^/]*$'))
  vim.lsp.util.apply_text_edits(ask('textDocument/formatting', 0, 0), buffer, 'utf-16')
  say('formatted', vim.api.nvim_buf_get_lines(buffer, 12, 13, false)[1])
end

local ok, why = pcall(session)
if not ok then say('failed', why) end
vim.cmd('qall!')
